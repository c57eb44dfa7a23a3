"""The parts of `python -m benchmarks`: each measures, prints what is its own, returns ratios."""

from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks.gpu import show_gpu_figures
from benchmarks.loader import loader_ratio
from benchmarks.material import PAIRS, images
from benchmarks.memory import STATUS, trial_memory
from benchmarks.methods import method_ratios
from benchmarks.packing import Work, cpu_packings, images_per_second
from benchmarks.pairs import Ratio
from benchmarks.reference_method_loop import METHODS
from benchmarks.rounding import rounding_error
from benchmarks.steps import step_ratios
from benchmarks.study16 import study_ratio

STEP_IMAGES = {"cpu": 64, "cuda": 6400}
"""Images of one measurement of a step: one step on the CPU, a hundred on a GPU."""
STUDY_IMAGES = {"cpu": 64, "cuda": 6400}
"""Images of a trial of the study, in batches of 32."""
ROUNDS_OF_A_METHOD = 5
"""Rounds for one pair of a method's ratio: there are many methods."""
HUNGRIEST = "nst"
"""The method that multiplies most channels with each other."""
MUST_MEMORY = 2000
"""MiB that a trial of it may take with 64 images a batch."""
LOADER_IMAGES = 1024
PACKED_IMAGES = 64


class Setting(NamedTuple):
    """Settings of all measurements."""

    device: torch.device
    data_root: str | None
    """Folder of CIFAR-100, or None for noise."""
    rounds: int
    """Pairs of a ratio."""
    studies: int
    """Pairs of the ratio of studies."""
    console: Console


def loader(setting: Setting) -> list[Ratio]:
    """Views a second against PIL."""
    ratio, rate = loader_ratio(images(LOADER_IMAGES, setting.data_root), setting.rounds)
    setting.console.print(f"loader: {rate:,.0f} views a second on one core")
    return [ratio]


def rounding(setting: Setting) -> list[Ratio]:
    """Errors of an fp16 bank."""
    for pair in PAIRS:
        loss, gradient = rounding_error(pair, images(256, setting.data_root))
        setting.console.print(
            f"fp16 bank, {pair.name}: relative error of the loss {loss:.1e} (must 1e-5), "
            f"of the gradient {gradient:.1e} (must 1e-4)"
        )
    return []


def memory(setting: Setting) -> list[Ratio]:
    """Memory of a trial."""
    if not STATUS.exists():
        setting.console.print(f"memory is not measured: this system has no {STATUS}")
        return []
    for pair in PAIRS:
        plain, banked = (trial_memory(pair, bank=has_bank) for has_bank in (False, True))
        setting.console.print(
            f"memory of a trial on the CPU, {pair.name}, fp32: {plain:.0f} MiB beyond the images, "
            f"{banked:.0f} MiB beyond images and bank"
        )
    most = trial_memory(PAIRS[0], method=HUNGRIEST)
    setting.console.print(
        f"the same, {HUNGRIEST}, {PAIRS[0].name}: {most:.0f} MiB (must {MUST_MEMORY}): "
        f"{'reached' if most <= MUST_MEMORY else 'missed'}"
    )
    return []


def packing(setting: Setting) -> list[Ratio]:
    """Trials side by side on the CPU."""
    for pair in PAIRS:
        work = Work(pair, {}, PACKED_IMAGES, epochs=3, device="cpu")
        for packed in cpu_packings():
            rate = images_per_second(packed, work)
            setting.console.print(
                f"{packed.trials} trial(s) of {packed.threads} thread(s), {pair.name}, warm bank: "
                f"{rate:.0f} images a second together"
            )
    return []


def steps(setting: Setting) -> list[Ratio]:
    """Steps against the peers'."""
    data = images(STEP_IMAGES[setting.device.type], setting.data_root)
    of_pairs = [step_ratios(pair, data, setting.device, setting.rounds) for pair in PAIRS]
    return [ratio for ratios in of_pairs for ratio in ratios]


def methods(setting: Setting) -> list[Ratio]:
    """A step of each method against the peers'."""
    data = images(STEP_IMAGES[setting.device.type], setting.data_root)
    rounds = max(1, setting.rounds // ROUNDS_OF_A_METHOD)
    ratios = method_ratios(PAIRS[0], data, setting.device, rounds)
    middle = median(each.middle for each in ratios if each.name in map("method_{}".format, METHODS))
    setting.console.print(f"median of {len(METHODS)} methods without a bank: {middle:.2f}")
    return ratios


def study16(setting: Setting) -> list[Ratio]:
    """A study against the peers' runs."""
    data = images(STUDY_IMAGES[setting.device.type], setting.data_root)
    return [study_ratio(pair, data, setting.device, setting.studies) for pair in PAIRS]


def gpu(setting: Setting) -> list[Ratio]:
    """Uses of a GPU."""
    if setting.device.type == "cuda":
        show_gpu_figures(setting.console, setting.data_root)
    else:
        setting.console.print("there is no GPU here: its own figures are not measured")
    return []


PARTS: Mapping[str, Callable[[Setting], list[Ratio]]] = {
    "rounding": rounding,
    "loader": loader,
    "steps": steps,
    "methods": methods,
    "study16": study16,
    "memory": memory,
    "packing": packing,
    "gpu": gpu,
}
"""In the order in which they run."""
