"""Pages faulted in anew by each step, with freed memory kept and returned.

`python -m benchmarks.page_faults [ROUNDS]` prints one line a round; each figure is a process of
its own. The kernel decides how large the pages are, so compare figures of one machine only.
"""

import resource
import subprocess
import sys

import torch

from benchmarks.machine import describe_machine
from pckd.training.numerics import keep_freed_memory

STEPS = 4
TENSORS = 3
NUMBERS = 1 << 24
"""Size of each tensor: 64 MiB."""


def _steps() -> None:
    for _ in range(STEPS):
        parts = [torch.ones(NUMBERS) for _ in range(TENSORS)]
        parts.clear()


def faults() -> int:
    """Minor page faults of some steps, after as many that warm up."""
    _steps()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    _steps()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def measured(mode: str) -> int:
    """The faults of a fresh process; `mode` is kept or returned."""
    command = [sys.executable, "-m", "benchmarks.page_faults", mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(arguments: list[str]) -> None:
    """Print the figures, or as a child process one of them."""
    if arguments[:1] in (["kept"], ["returned"]):
        if arguments == ["kept"]:
            keep_freed_memory()
        print(faults())
        return
    print(describe_machine())
    for number in range(int(arguments[0]) if arguments else 3):
        print(f"round {number + 1}: {measured('kept')} kept, {measured('returned')} returned")


if __name__ == "__main__":
    main(sys.argv[1:])
