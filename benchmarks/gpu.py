"""A GPU's own figures: images a second, minutes of a full run, utilisation, trials side by side."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import fresh_banks, product_epoch, reference_epoch
from benchmarks.material import PAIRS, Pair, images, make_teacher, run_config
from benchmarks.packing import Packing, Work, images_per_second
from benchmarks.pairs import Measurement
from pckd.training.run_data import RunData

IMAGES = 50_000
FULL_RUN_EPOCHS = 240
PACKINGS = [Packing(trials, threads=1) for trials in (1, 2, 4, 8)]
FASTEST = {"precision": "bf16", "compile": "reduce-overhead"}
WAYS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "bf16": {"optimization": {"precision": "bf16"}},
    "bf16, compiled": {"optimization": FASTEST},
    "bf16, compiled, warm bank": {"optimization": FASTEST, "bank": True},
}
"""Changes in a run."""


class EpochFigures(NamedTuple):
    """One epoch of 50,000 images, after another one as warm-up."""

    images_per_second: float
    utilisation: float
    """Mean share of time in which the GPU was busy, in percent, as nvidia-smi has it."""

    @property
    def full_run_minutes(self) -> float:
        """Minutes of 240 such epochs."""
        return FULL_RUN_EPOCHS * IMAGES / self.images_per_second / 60


def show_gpu_figures(console: Console, data_root: str | None) -> None:
    """Measure both pairs on the first GPU and print two tables."""
    data = images(IMAGES, data_root)
    for pair in PAIRS:
        table = Table("way", "images/s", "minutes of 240 epochs", "utilisation", title=pair.name)
        for way, figures in epoch_figures(pair, data):
            rate, minutes = figures.images_per_second, figures.full_run_minutes
            table.add_row(way, f"{rate:.0f}", f"{minutes:.1f}", f"{figures.utilisation:.0f}%")
        console.print(table)
        packed = Table("trials at once", "images/s together", title=f"{pair.name}, warm bank")
        for packing in PACKINGS:
            rate = images_per_second(packing, Work(pair, FASTEST, IMAGES, 1, "cuda"))
            packed.add_row(str(packing.trials), f"{rate:.0f}")
        console.print(packed)


def epoch_figures(pair: Pair, data: RunData) -> Iterator[tuple[str, EpochFigures]]:
    """Each way and its figures."""
    device = torch.device("cuda")
    teacher = make_teacher(pair.teacher, data)
    yield "peers' loop", measure_epoch(reference_epoch(run_config(pair), data, teacher, device))
    for way, changes in WAYS.items():
        with fresh_banks():
            yield (
                way,
                measure_epoch(product_epoch(run_config(pair, **changes), data, teacher, device)),
            )


def measure_epoch(epoch: Measurement) -> EpochFigures:
    """The second of two epochs."""
    epoch()
    with sampled_utilisation() as samples:
        seconds = epoch()
    return EpochFigures(IMAGES / seconds, mean(samples))


@contextmanager
def sampled_utilisation() -> Iterator[list[float]]:
    """A list that holds, after the block, the first GPU's utilisation twice a second, percent."""
    command = "nvidia-smi --id=0 --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 500"
    samples: list[float] = []
    process = subprocess.Popen(command.split(), stdout=subprocess.PIPE, text=True)
    try:
        yield samples
    finally:
        process.terminate()
        output, _ = process.communicate()
        samples += [float(line) for line in output.split()]
