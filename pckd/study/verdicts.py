"""Verdicts on paired differences that are looked at after each seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from pckd.study.least_level import LEAST_LEVEL
from pckd.study.repeated_intervals import (
    Floats,
    critical_values,
    looks_of,
    repeated_intervals,
)

Name = Literal["better", "worse", "no difference", "not clear", "go on"]
Flags = npt.NDArray[np.bool_]

ORDERS = 1000
"""Number of random orders of the differences that the estimate averages over."""

LEAST_CHANCE = 0.1
"""A study ends when the chance that its last look settles the question falls below this."""

LEAST_DEVIATION = 0.25
"""Share of the smallest difference that a smaller standard deviation counts as. Accuracies come in
steps, so that few differences may be equal by chance; who asks for a difference measures on enough
images that a quarter of it is a step or more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, and the figures behind it."""

    name: Name
    estimate: float
    """Estimate of the mean difference, in points, corrected for early stopping; NaN without
    differences.
    """
    interval: tuple[float, float]
    """The repeated confidence interval, in points; infinite before the first look."""
    seeds: int
    """Differences that were used: later ones do not change a verdict."""


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
    first look that settles the question ends it; so does one after which `at_most` seeds would
    settle it with a chance below `LEAST_CHANCE`, as far as the seeds so far tell: `not clear`.

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
    looks = look_at(values, critical, at_least, smallest_difference)
    index = int(looks.end[()])
    seeds = at_least + index
    interval = (float(looks.lows[index]), float(looks.highs[index]))
    estimate = _estimate(values[:seeds], critical, at_least, smallest_difference)
    name = looks.name(index, is_last=seeds == at_most)
    return Verdict(name, min(max(estimate, interval[0]), interval[1]), interval, seeds)


@dataclass(frozen=True, slots=True)
class Looks:
    """Result of each look at the differences of a study, or of many studies [..., looks]."""

    lows: Floats
    highs: Floats
    better: Flags
    worse: Flags
    same: Flags
    hopeless: Flags

    @property
    def stops(self) -> Flags:
        """Mark the looks that end a study."""
        return self.better | self.worse | self.same | self.hopeless

    @property
    def end(self) -> npt.NDArray[np.int64]:
        """Find the first look that ends a study, or the last one [...]."""
        stops = self.stops.copy()
        stops[..., -1] = True
        return np.asarray(stops.argmax(axis=-1), dtype=np.int64)

    def name(self, look: int, *, is_last: bool) -> Name:
        """Verdict of a look at a single study."""
        if self.better[look]:
            return "better"
        if self.worse[look]:
            return "worse"
        if self.same[look]:
            return "no difference"
        return "not clear" if is_last or self.hopeless[look] else "go on"


def look_at(values: Floats, critical: Floats, at_least: int, smallest_difference: float) -> Looks:
    """Look at differences after each seed.

    Args:
        values: The differences in points [..., seeds], `at_least` or more.
        critical: Of Student's t at all looks, from `critical_values`.
        at_least: The seeds at the first look.
        smallest_difference: In points.
    """
    least = LEAST_DEVIATION * smallest_difference
    lows, highs = repeated_intervals(values, critical, at_least, least)
    better, worse = lows > 0, highs < 0
    same = (lows > -smallest_difference) & (highs < smallest_difference) & ~better & ~worse
    chance = chance_of_a_verdict(values, critical, at_least, smallest_difference)
    return Looks(
        lows, highs, better, worse, same, ~better & ~worse & ~same & (chance < LEAST_CHANCE)
    )


def chance_of_a_verdict(
    values: Floats, critical: Floats, at_least: int, smallest_difference: float
) -> Floats:
    """Probability at each look that the last one settles the question [..., looks].

    The mean of all `at_most` differences, as Student's t predicts it from those so far, lies far
    enough from 0, or near enough; the standard deviation stays what it is.

    Args:
        values: The differences in points [..., seeds], `at_least` or more.
        critical: Of Student's t at all looks, from `critical_values`.
        at_least: The seeds at the first look.
        smallest_difference: In points.
    """
    seeds, at_most = looks_of(values, at_least), at_least + len(critical) - 1
    mean = values.cumsum(axis=-1)[..., at_least - 1 :] / seeds
    square = (values**2).cumsum(axis=-1)[..., at_least - 1 :] / seeds
    variance = np.maximum(square - mean**2, 0) * seeds / (seeds - 1)
    deviation = np.maximum(np.sqrt(variance), LEAST_DEVIATION * smallest_difference)
    half = critical[-1] * deviation / math.sqrt(at_most)
    spread = deviation * np.sqrt(np.maximum(at_most - seeds, 1e-9) / (at_most * seeds))

    def below(bound: Floats) -> Floats:
        found: Floats = special.stdtr(seeds - 1, (bound - mean) / spread)
        return found

    room = np.maximum(smallest_difference - half, 0)
    return 1 - below(half) + below(-half) + below(room) - below(-room)


def _estimate(values: Floats, critical: Floats, at_least: int, smallest_difference: float) -> float:
    """Average the mean of the first values over the orders that stop at the last value."""
    random = np.random.default_rng(0)
    shuffled = random.permuted(np.tile(values, (ORDERS, 1)), axis=1)
    orders = np.vstack([values, shuffled])
    stops = look_at(orders, critical, at_least, smallest_difference).stops
    goes_on = ~stops[:, :-1].any(axis=1)
    return float(orders[goes_on, :at_least].mean())


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
