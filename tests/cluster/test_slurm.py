"""deploy/slurm-ray.sh as it is, with a stand-in for srun that starts both nodes on this machine."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from tests.cluster.nodes import BIN, Cluster, Group, epochs_done, tiny, wait

pytestmark = pytest.mark.faults

SCRIPT = Path(__file__).parents[2] / "deploy/slurm-ray.sh"
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
for node in $(seq 0 $((SLURM_JOB_NUM_NODES - 1))); do SLURM_NODEID=$node "$@" & done
wait
"""
EPOCHS = 200


def job(cluster: Cluster, number: int, root: Path) -> Group:
    """A job of two nodes of one CPU; a trial of two workers takes both."""
    srun = cluster.folder / "srun"
    srun.write_text(SRUN)
    srun.chmod(0o755)
    file = cluster.folder / "both.yaml"
    file.write_text(yaml.safe_dump(tiny("both", EPOCHS, resources={"workers": 2})))
    return cluster.start(
        *("bash", str(SCRIPT), str(file), "--results", str(root)),
        PATH=f"{cluster.folder}:{BIN}:{os.environ['PATH']}",
        SLURM_JOB_ID=str(number),
        SLURM_JOB_NUM_NODES="2",
        SLURM_CPUS_PER_TASK="1",
    )


def test_a_job_that_is_told_to_end_stops_its_study_and_the_next_goes_on(
    empty_cluster: Cluster, tmp_path: Path
) -> None:
    first = job(empty_cluster, 1001, tmp_path)
    wait(lambda: first.says("both") and bool(epochs_done(tmp_path, "both")), 300)
    wait(lambda: epochs_done(tmp_path, "both")[0] > 0)
    os.kill(first.process.pid, signal.SIGINT)
    assert first.process.wait(60) == 1
    assert "again to go on" in first.output.read_text()
    first.kill()
    assert 0 < epochs_done(tmp_path, "both")[0] < EPOCHS
    job(empty_cluster, 1002, tmp_path).ends()
    assert epochs_done(tmp_path, "both") == [EPOCHS]
