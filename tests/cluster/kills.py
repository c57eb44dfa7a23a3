"""By hand: `python -m tests.cluster.kills search 10` kills what runs a study, at random moments.

The study (search, or ddp: one run over two workers) trains on three nodes. Ten times, after a
random wait, a node, a worker or the driver is killed. A new node comes in the place of one that
was killed, and the driver is started again. Then the study may end, and its tables and students
are compared with those of an undisturbed run.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.cluster.killing import Nodes
from tests.cluster.nodes import (
    Cluster,
    Group,
    assert_same_results,
    epochs_done,
    tiny,
    tiny_search,
)

STUDIES = {
    "ddp": tiny("ddp", 400, resources={"workers": 2}),
    "search": tiny_search(200, trials=6),
}


def main(name: str, times: int, seed: int) -> None:
    """Kill, go on, compare; a difference is an AssertionError."""
    study, chance = STUDIES[name], random.Random(seed)
    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="pckd-kills-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        started = time.monotonic()
        try:
            cluster.start_head()
            nodes = Nodes(cluster, 3)
            cluster.study(study, f"{folder}/undisturbed").ends(600)
            print(f"undisturbed: {time.monotonic() - started:.0f} s", flush=True)
            run = cluster.study(study, f"{folder}/killed")
            for _ in range(times):
                time.sleep(chance.uniform(1, 15))
                done = epochs_done(f"{folder}/killed", name)
                run, victim = _kill(nodes, run, study, f"{folder}/killed", chance)
                passed = time.monotonic() - started
                print(f"{passed:.0f} s: {victim} killed, epochs done {done}", flush=True)
            run.ends(600)
            assert_same_results(f"{folder}/killed", f"{folder}/undisturbed", name)
            passed = time.monotonic() - started
            print(f"{passed:.0f} s: the tables and students of {name} are the same", flush=True)
        finally:
            cluster.stop()


def _kill(
    nodes: Nodes, run: Group, study: dict[str, Any], root: str, chance: random.Random
) -> tuple[Group, str]:
    """Kill something; returns the study's driver, and in words what was killed."""
    assert run.process.poll() is None, f"ended before the last kill: {run.output.read_text()}"
    victim = chance.choice(["node", "worker", "driver"])
    trainers = nodes.trainers()
    if victim == "driver":
        run.kill()
        run = nodes.cluster.study(study, root)
    elif victim == "worker" and trainers:
        os.kill(chance.choice(trainers), signal.SIGKILL)
    else:
        victim = "node"
        nodes.replace(chance.choice(nodes.groups))
    return run, victim


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
