"""Power of a comparison with a number of seeds, before any training."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from pckd.storage import Storage
from pckd.study.repeated_intervals import critical_values
from pckd.study.results import ResultsStore
from pckd.study.verdicts import look_at
from pckd.training.config import DataConfig, RunConfig

POWER = 0.8

OF_A_ROOT = ("folder", "imagenet", "parquet")
"""Data sets that hold whatever lies in their root."""

MOST_SEEDS = 1000
STUDIES = 2000
"""Simulated, of normal differences; the standard error of a power of 80 % is 0.9 %."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """The standard deviation of paired differences of test top-1."""

    points: float
    origin: str
    """Origin of the number, in words."""


def stored_deviation(config: RunConfig, storage: Storage, test_images: int) -> Deviation:
    """The deviation that stored trials of the same classes and student had, else an assumed one.

    Trials of two configurations with the same seeds make differences; those of each configuration
    with the first of its study are pooled. Where there are none, images are taken as independent
    and as often right as wrong: sqrt(2 * 0.25 / images), which is more than most have.

    Args:
        config: A run of the study.
        storage: The results root.
        test_images: Images that the accuracy is measured on.
    """
    squares, degrees = 0.0, 0
    for study in storage.folders():
        rows = ResultsStore(storage, study).read("trials")
        completed = rows[
            (rows["status"] == "completed") & (rows["config.student"] == config.student)
        ]
        for differences in _differences(completed.loc[_on_images_of(config.data, completed)]):
            squares += float(((differences - differences.mean()) ** 2).sum())
            degrees += len(differences) - 1
    if degrees and squares:
        who = f"stored trials of {config.student} on {config.data.name}, of any budget"
        return Deviation(math.sqrt(squares / degrees), f"{who}; {degrees} degrees of freedom")
    assumed = 100 * math.sqrt(2 * 0.25 / test_images)
    return Deviation(
        assumed, f"assumed for {test_images} independent test images: no stored trials tell"
    )


def difference_shown(deviation: float, seeds: int, level: float) -> float:
    """The difference that one look at so many seeds shows with a power of 80 %, in points.

    By Student's t with a two-sided level; infinite for one seed.
    """
    if seeds < 2:
        return math.inf
    critical = stats.t.ppf(1 - level / 2, seeds - 1)

    def lacking(shift: float) -> float:
        return POWER - float(stats.nct.sf(critical, seeds - 1, shift))

    shift = optimize.brentq(lacking, 0.0, 2 * critical + 10)
    return float(shift) * deviation / math.sqrt(seeds)


def seeds_for(deviation: float, difference: float, level: float) -> int | None:
    """The fewest seeds with which one look shows a difference with a power of 80 %."""
    sizes = range(2, MOST_SEEDS + 1)
    return next((n for n in sizes if difference_shown(deviation, n, level) <= difference), None)


def difference_shown_until_clear(
    deviation: float, smallest_difference: float, level: float, at_least: int, at_most: int
) -> tuple[float, float]:
    """The difference that seeds until it is clear show with a power of 80 %, and their mean number.

    By simulation of normal differences.

    Args:
        deviation: Of the differences, in points.
        smallest_difference: In points.
        level: Of this comparison.
        at_least: Seeds at the first look.
        at_most: Seeds at the last look.
    """
    noise = deviation * np.random.default_rng(0).standard_normal((STUDIES, at_most))
    critical = critical_values(level, at_least, at_most)

    def study(difference: float) -> tuple[float, float]:
        looks = look_at(difference + noise, critical, at_least, smallest_difference)
        found = looks.better[np.arange(STUDIES), looks.end].mean()
        return float(found), float(looks.end.mean()) + at_least

    low, high = 0.0, 50 * deviation + smallest_difference
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if study(middle)[0] >= POWER else (middle, high)
    return high, study(high)[1]


def _on_images_of(data: DataConfig, rows: pd.DataFrame) -> list[bool]:
    """Mark the rows of a data set's classes; their training images may be fewer or more."""
    root = data.root if data.name in OF_A_ROOT else None
    wanted = (data.name, data.classes, root)
    keys = ("name", "classes", "root")
    return [
        (name, None if classes is None else tuple(classes), place if root else None) == wanted
        for name, classes, place in zip(*(rows[f"config.data.{key}"] for key in keys), strict=True)
    ]


def _differences(rows: pd.DataFrame) -> Iterator[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Differences by seed of each configuration from the first of its study."""
    own = [json.dumps({**json.loads(text), "seed": None}) for text in rows["config"]]
    table = rows.assign(own=own).pivot_table(index="seed", columns="own", values="test_top1")
    for name in table.columns[1:]:
        both = (table[name] - table[table.columns[0]]).dropna().to_numpy()
        if len(both) > 1:
            yield both
