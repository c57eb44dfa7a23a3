"""Verdicts on paired differences that are looked at after each seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pckd.study.repeated_intervals import (
    LEAST_LEVEL,
    Floats,
    critical_values,
    repeated_intervals,
)

Name = Literal["better", "worse", "no difference", "not clear", "go on"]
Flags = npt.NDArray[np.bool_]

ORDERS = 1000
"""Random orders of the differences that the estimate averages over."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, and the figures that it rests on."""

    name: Name
    estimate: float
    """Of the mean difference, in points, corrected for early stopping; NaN without differences."""
    interval: tuple[float, float]
    """The repeated confidence interval, in points; infinite before the first look."""
    seeds: int
    """The differences that were used: later ones do not change a verdict."""


def decide(
    differences: Sequence[float],
    *,
    smallest_difference: float,
    level: float = 0.05,
    at_least: int = 4,
    at_most: int = 20,
    comparisons: int = 1,
) -> Verdict:
    """Decide whether a candidate differs from its reference, or whether more seeds are needed.

    After each seed from `at_least` on, a repeated confidence interval decides: `better` if it
    lies above 0, `worse` if below 0, `no difference` if it lies inside
    (-smallest_difference, smallest_difference), else `go on`, and `not clear` at `at_most`. The
    first look that settles the question ends it.

    If the differences of a study are independent draws of one distribution, and that is normal,
    exponential (either tail) or Student's t with 3 degrees of freedom, of any mean and spread,
    then with probability 1 - level / comparisons the intervals of all looks hold the true mean,
    so that over a whole study and all its comparisons a verdict is false (`better` when the mean
    is not above 0, `worse` when it is not below, `no difference` when it is at least as large as
    `smallest_difference`) with probability of at most `level`. The bounds come from a simulation
    of 100,000 studies with a margin of three standard errors: this is measured, not proven.
    Stronger skewness breaks it; `docs/verdicts.md` says by how much.

    The plain mean of a study that stopped early is biased. The estimate is the mean of the first
    `at_least` differences, averaged over the orders of the differences that would not have stopped
    earlier (Rao and Blackwell): over whole studies it is right on average for any distribution.

    Args:
        differences: Candidate minus reference, in points, in the order of seeds.
        smallest_difference: The points that would matter, above 0.
        level: The probability of a false verdict over the whole study, above 0 and below 0.5.
        at_least: The seeds before the first look, 2 or more.
        at_most: The seeds at the last look.
        comparisons: The number of verdicts that share the level equally (Bonferroni).

    Raises:
        ValueError: A value is out of range.
    """
    _check_design(smallest_difference, level, at_least, at_most, comparisons)
    _check_differences(differences, at_most)
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < at_least:
        mean = float(values.mean()) if len(values) else math.nan
        return Verdict("go on", mean, (-math.inf, math.inf), len(values))
    critical = critical_values(level / comparisons, at_least, at_most)
    lows, highs = repeated_intervals(values, critical, at_least)
    settled = _settled(lows, highs, smallest_difference)
    look = int(settled.argmax()) if settled.any() else len(lows) - 1
    seeds = at_least + look
    interval = (float(lows[look]), float(highs[look]))
    name = _name(interval, smallest_difference, is_last=seeds == at_most)
    estimate = _estimate(values[:seeds], critical, at_least, smallest_difference)
    return Verdict(name, min(max(estimate, interval[0]), interval[1]), interval, seeds)


def _settled(lows: Floats, highs: Floats, smallest_difference: float) -> Flags:
    inside = (lows > -smallest_difference) & (highs < smallest_difference)
    settled: Flags = (lows > 0) | (highs < 0) | inside
    return settled


def _estimate(values: Floats, critical: Floats, at_least: int, smallest_difference: float) -> float:
    """The mean of the first values, over the orders that do not stop before the last value."""
    random = np.random.default_rng(0)
    shuffled = random.permuted(np.tile(values, (ORDERS, 1)), axis=1)
    orders = np.vstack([values, shuffled])
    settled = _settled(*repeated_intervals(orders, critical, at_least), smallest_difference)
    goes_on = ~settled[:, :-1].any(axis=1)
    return float(orders[goes_on, :at_least].mean())


def _name(interval: tuple[float, float], smallest_difference: float, *, is_last: bool) -> Name:
    low, high = interval
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    if -smallest_difference < low and high < smallest_difference:
        return "no difference"
    return "not clear" if is_last else "go on"


def _check_design(
    smallest_difference: float, level: float, at_least: int, at_most: int, comparisons: int
) -> None:
    if not (math.isfinite(smallest_difference) and smallest_difference > 0):
        raise ValueError(f"smallest_difference is {smallest_difference}; it must be above 0 points")
    if not 0 < level < 0.5:
        raise ValueError(f"level is {level}; it must be above 0 and below 0.5")
    if at_least < 2:
        raise ValueError(f"at_least is {at_least}; an interval takes 2 seeds or more")
    if at_most < at_least:
        raise ValueError(f"at_most is {at_most}; it must not be below at_least, {at_least}")
    if comparisons < 1:
        raise ValueError(f"comparisons is {comparisons}; it must be 1 or more")
    if level / comparisons < LEAST_LEVEL:
        raise ValueError(
            f"level / comparisons is {level / comparisons:.2g}; the bounds are known from "
            f"{LEAST_LEVEL} on"
        )


def _check_differences(differences: Sequence[float], at_most: int) -> None:
    if len(differences) > at_most:
        raise ValueError(f"there are {len(differences)} differences; at_most is {at_most}")
    for index, value in enumerate(differences):
        if not math.isfinite(value):
            raise ValueError(f"difference {index} is {value}; it must be a finite number of points")
