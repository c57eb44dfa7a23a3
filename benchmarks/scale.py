"""A search of many instant trials on many nodes: `python -m benchmarks.scale [TRIALS [NODES]]`.

Driver, searcher, scheduler, callbacks, Ray Tune's controller and results store are the real ones.
The trials write real rows but train nothing, and the nodes, of one worker each, are simulated in
the driver's process. The driver is killed when half of the trials have begun, and started again;
then once more when nothing is left to do. Printed are trials a second and the driver's memory
along the way, and what it takes to go on.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import ray
from ray.tune.execution import tune_controller
from rich.console import Console

from benchmarks.instant_trainer import STUDY, large_study
from benchmarks.simulated_workers import SimulatedWorkers
from pckd.distributed import trials
from pckd.distributed.driver import run_study
from pckd.distributed.session import QUIET
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.compaction import compact
from pckd.study.results import ResultsStore

PIECES = 5
"""Number of parts of the run, for each of which the pace is printed."""


def _drive(total: int, nodes: int, folder: str, kill_at: int | None) -> None:
    """Run the study in this process; prints when it ended and what it took."""
    os.environ.update(QUIET)
    ray.init(address="local", num_cpus=1, log_to_driver=False, logging_level="ERROR")
    SimulatedWorkers.root = folder
    vars(tune_controller)["RayActorManager"] = SimulatedWorkers
    vars(trials)["trials_at_once"] = lambda _: nodes
    threading.Thread(target=_watch, args=(Path(folder) / STUDY, kill_at), daemon=True).start()
    started, cpu = time.perf_counter(), time.process_time()
    run_study(large_study(total), Storage(folder), Display(Console(quiet=True)))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"  driver: {wall:.1f} s, CPU {cpu:.1f} s; "
        f"of them {SimulatedWorkers.busy:.1f} s in the trials themselves"
    )


def _watch(study: Path, kill_at: int | None) -> None:
    """Note the driver's memory beside the number of trials; kill the driver on the way."""
    memory = study.parent / f"memory-{kill_at}.csv"
    while True:
        begun = len(list(study.glob("trials/[!.]*.parquet")))
        with memory.open("a") as stream:
            print(begun, _memory(), sep=",", file=stream)
        if kill_at is not None and begun >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)


def _memory() -> int:
    """Resident bytes of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _in_a_process(total: int, nodes: int, folder: str, kill_at: int | None = None) -> None:
    context = multiprocessing.get_context("spawn")
    driver = context.Process(target=_drive, args=(total, nodes, folder, kill_at))
    driver.start()
    driver.join()
    if driver.exitcode not in (0, -signal.SIGKILL):
        raise SystemExit("the driver failed")


def _print_pace(store: ResultsStore, since: pd.Timestamp) -> None:
    """Trials a second, piece by piece of those that ended since a moment."""
    ended = store.read("trials").query("updated > @since")["updated"].sort_values()
    for piece in np.array_split(ended.to_numpy(), PIECES):
        seconds = (piece[-1] - piece[0]) / np.timedelta64(1, "s")
        print(f"  {len(piece)} trials: {(len(piece) - 1) / seconds:.2f} a second")


def _timed(label: str, work: Callable[[], object]) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"{label}: {wall:.2f} s, of which CPU {cpu:.2f} s", flush=True)


def main() -> None:
    """Run the study in two halves, and print the figures."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    nodes = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as folder:
        store = ResultsStore(Storage(folder), STUDY)
        for label, kill_at in (("until killed", total // 2), ("then", None)):
            since = pd.Timestamp.now("UTC")
            print(f"{label}:", flush=True)
            _in_a_process(total, nodes, folder, kill_at)
            _print_pace(store, since)
            lines = (Path(folder) / f"memory-{kill_at}.csv").read_text().splitlines()
            points = [line.split(",") for line in lines[:: max(1, len(lines) // PIECES)]]
            memory = ", ".join(f"{begun}: {int(rss) / 2**20:.0f} MiB" for begun, rss in points)
            print(f"  driver's memory by trials begun: {memory}")
        print(store.read("trials")["status"].value_counts().to_dict())
        print("with nothing left to do:", flush=True)
        _in_a_process(total, nodes, folder)
        _timed("tables read, file by file", lambda: [store.read(t) for t in ("trials", "epochs")])
        _timed("compacted", lambda: compact(store))
        _timed("tables read", lambda: [store.read(table) for table in ("trials", "epochs")])
        journal = Path(folder) / STUDY / "optuna.journal"
        print(f"Optuna's journal: {journal.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
