"""Means over seeds with intervals; pure functions of numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isclose, nan, sqrt

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
"""Confidence level of every interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval; bounds are NaN below two values, the mean is NaN without any."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def is_known(self) -> bool:
        """Return whether the interval has bounds."""
        return self.count > 1

    @property
    def has_width(self) -> bool:
        """Return whether the values differ: equal ones show no noise."""
        return self.is_known and not isclose(self.low, self.high, rel_tol=1e-9)

    @property
    def excludes_zero(self) -> bool:
        """Return whether zero lies outside; False without bounds or without width."""
        return self.has_width and not self.low <= 0.0 <= self.high


def mean_interval(values: Iterable[float]) -> Interval:
    """Mean and t-interval at `LEVEL` of independent values, such as one accuracy a seed.

    Args:
        values: Any number; NaN stands for a value that is missing.
    """
    known = np.asarray([value for value in values if value == value], dtype=float)
    if len(known) == 0:
        return Interval(nan, nan, nan, 0)
    mean = float(known.mean())
    if len(known) == 1:
        return Interval(mean, nan, nan, 1)
    error = float(known.std(ddof=1)) / sqrt(len(known))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(known) - 1)) * error
    return Interval(mean, mean - half, mean + half, len(known))


def paired_difference(values: pd.Series, reference: pd.Series) -> Interval:
    """Mean difference with its interval over the seeds that both have.

    Trials of one study with the same seed see the same views, so their differences are paired.

    Args:
        values: Accuracies by seed (the index).
        reference: Likewise, of what is compared with.
    """
    return mean_interval((values - reference).dropna())


@dataclass(frozen=True, slots=True)
class Spread:
    """Distance between the best and the worst of some settings."""

    best: int
    """Position of the setting with the highest mean."""
    worst: int
    difference: Interval
    """Difference of the two means; count is the number of seeds."""


def spread(accuracies: Sequence[Sequence[float]]) -> Spread | None:
    """Best minus worst mean, with an interval that allows for having picked the two.

    Tukey's honest significant difference in a block design, the seeds being the blocks: the
    interval holds for all pairs of settings at once, and for two settings it is the paired
    t-interval.

    Args:
        accuracies: [settings, seeds]; seeds that miss a setting (NaN) are left out.

    Returns:
        None below two settings or without a seed that has all.
    """
    table = np.asarray(accuracies, dtype=float)
    if len(table) < 2:
        return None
    table = table[:, ~np.isnan(table).any(axis=0)]
    settings, seeds = table.shape
    if seeds == 0:
        return None
    means = table.mean(axis=1)
    best, worst = int(means.argmax()), int(means.argmin())
    gap = float(means[best] - means[worst])
    if seeds == 1:
        return Spread(best, worst, Interval(gap, nan, nan, 1))
    residuals = table - means[:, None] - table.mean(axis=0) + table.mean()
    freedom = (settings - 1) * (seeds - 1)
    error = sqrt(float((residuals**2).sum()) / freedom / seeds)
    half = float(stats.studentized_range.ppf(LEVEL, settings, freedom)) * error
    return Spread(best, worst, Interval(gap, gap - half, gap + half, seeds))
