"""Seconds that a trial costs beyond its training: `python -m benchmarks.overhead [TRIALS ...]`.

One-worker trials of a tiny job on handwritten digits, side by side on all cores, in one Ray
session; what is printed is wall time times trials at once, less the training that the trials
measured themselves, divided by the number of trials. The first study of each size pays for the
processes; its first trial is part of the figure.
"""

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.machine import describe_machine
from pckd.distributed.driver import run_study
from pckd.distributed.session import ray_session, trials_at_once
from pckd.progress import Display
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec

SIZES = (10, 100, 1000)


def tiny_study(trials: int) -> StudySpec:
    """A grid of trials that train for one epoch on 64 images."""
    values = {
        "study": f"overhead-{trials}",
        "run": {
            "data": {"name": "digits", "classes": [0, 1], "images_per_class": 32},
            "student": "resnet8",
            "loss": {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0},
            "optimization": {"epochs": 1},
        },
        "seeds": list(range(trials)),
        "keep": "none",
    }
    return validate(StudySpec, values, "benchmark")


def overhead(trials: int, storage: Storage) -> tuple[float, float]:
    """Wall seconds of a study, and seconds of overhead a trial."""
    spec = tiny_study(trials)
    started = time.perf_counter()
    run_study(spec, storage, Display(Console(quiet=True)))
    wall = time.perf_counter() - started
    trained = ResultsStore(storage, spec.study).read("trials")["seconds"].sum()
    return wall, (wall * trials_at_once(spec.resources) - trained) / trials


def main() -> None:
    """Print the figures for each number of trials."""
    print(describe_machine())
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    with tempfile.TemporaryDirectory() as folder, ray_session(None):
        overhead(4, Storage(Path(folder) / "warm-up"))
        for size in sizes:
            wall, each = overhead(size, Storage(folder))
            print(f"{size} trials: {wall:.1f} s, {each:.2f} s of overhead a trial and core")


if __name__ == "__main__":
    main()
