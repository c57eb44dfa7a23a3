"""CPUs and memory of a process in a container, or bound to a few cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pckd import machine
from pckd.machine import available_cpus, available_memory


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_that_is_bound_to_one_core_counts_one() -> None:
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from pckd.machine import available_cpus; print(available_cpus())"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.split() == ["1"], shown.stderr
    assert available_cpus() >= 1


@pytest.mark.parametrize(("limit", "bounded"), [("1048576\n", True), ("max\n", False)])
def test_the_memory_is_that_of_the_container(
    limit: str, bounded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(machine, "CGROUP_MEMORY", (tmp_path / "memory.max", tmp_path / "none"))
    assert (available_memory() == 1048576) == bounded
