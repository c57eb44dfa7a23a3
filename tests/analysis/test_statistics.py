from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pckd.analysis.statistics import LEVEL, mean_interval, paired_difference, spread

VALUES = [91.2, 93.4, 92.0, 90.1]
OTHERS = [90.0, 93.0, 92.5, 88.1]


def test_the_interval_is_that_of_the_t_distribution() -> None:
    found = mean_interval(VALUES)
    expected = stats.ttest_1samp(VALUES, 0.0).confidence_interval(LEVEL)
    assert found.mean == pytest.approx(np.mean(VALUES))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.count == 4


def test_the_interval_of_two_values_by_hand() -> None:
    # standard error of 90 and 92 is 1; the t quantile of one degree of freedom is tan(0.475 pi)
    found = mean_interval([90.0, 92.0])
    assert found.high - found.mean == pytest.approx(np.tan(0.475 * np.pi))


def test_one_value_has_a_mean_but_no_bounds() -> None:
    found = mean_interval([90.0])
    assert found.mean == 90.0
    assert isnan(found.low) and isnan(found.high)
    assert not found.is_known and not found.excludes_zero


def test_missing_values_do_not_count() -> None:
    assert mean_interval([*VALUES, float("nan")]) == mean_interval(VALUES)
    empty = mean_interval([])
    assert empty.count == 0 and isnan(empty.mean)


def test_differences_are_paired_by_seed() -> None:
    found = paired_difference(pd.Series(VALUES), pd.Series(OTHERS))
    expected = stats.ttest_rel(VALUES, OTHERS).confidence_interval(LEVEL)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_only_seeds_that_both_have_are_compared() -> None:
    values = pd.Series([10.0, 20.0, 30.0], index=[0, 1, 2])
    reference = pd.Series([99.0, 28.0, 19.0], index=[7, 2, 1])
    found = paired_difference(values, reference)
    assert found.count == 2
    assert found.mean == pytest.approx((20 - 19 + 30 - 28) / 2)
    assert paired_difference(values, pd.Series([1.0], index=[9])).count == 0


def test_the_spread_of_two_settings_is_their_paired_difference() -> None:
    found = spread([OTHERS, VALUES])
    expected = paired_difference(pd.Series(VALUES), pd.Series(OTHERS))
    assert found is not None
    assert (found.best, found.worst) == (1, 0)
    assert found.difference.mean == pytest.approx(expected.mean)
    assert found.difference.low == pytest.approx(expected.low, abs=1e-3)
    assert found.difference.high == pytest.approx(expected.high, abs=1e-3)


def test_the_spread_agrees_with_a_simulation_of_no_effect() -> None:
    """The half width over its error is the 95% quantile of the studentized range, by simulation."""
    settings, seeds, draws = 4, 3, 40_000
    table = np.random.default_rng(0).normal(size=(settings, seeds))
    found = spread(table.tolist())
    assert found is not None
    half = (found.difference.high - found.difference.low) / 2

    def range_and_error(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = samples.mean(-1)
        residuals = samples - means[..., None] - samples.mean(-2, keepdims=True)
        residuals += samples.mean((-2, -1), keepdims=True)
        freedom = (settings - 1) * (seeds - 1)
        error = np.sqrt((residuals**2).sum((-2, -1)) / freedom / seeds)
        return means.max(-1) - means.min(-1), error

    noise = np.random.default_rng(1).normal(size=(draws, settings, seeds))
    ranges, errors = range_and_error(noise)
    quantile = np.quantile(ranges / errors, LEVEL)
    # sampling error of the quantile: sqrt(.95 * .05 / draws) / density there, below 0.06: 4 sigma
    assert half / float(range_and_error(table)[1]) == pytest.approx(quantile, abs=0.24)


def test_the_spread_uses_the_seeds_that_have_all_settings() -> None:
    gap = float("nan")
    found = spread([[1.0, 2.0, 9.0], [2.0, 3.5, gap], [4.0, 5.0, 0.0]])
    complete = spread([[1.0, 2.0], [2.0, 3.5], [4.0, 5.0]])
    assert found == complete
    assert found is not None and found.difference.count == 2


def test_a_spread_needs_two_settings_and_a_seed_that_has_all() -> None:
    gap = float("nan")
    assert spread([VALUES]) is None
    assert spread([[1.0, gap], [gap, 2.0]]) is None


def test_one_seed_gives_a_spread_without_bounds() -> None:
    found = spread([[1.0], [3.0]])
    assert found is not None
    assert found.difference.mean == 2.0 and not found.difference.is_known


def test_an_interval_shrinks_with_the_root_of_the_count() -> None:
    # the same spread with four times the values: standard errors differ by sqrt((4n-1)/(n-1)/4)
    few, many = mean_interval([1.0, 3.0] * 5), mean_interval([1.0, 3.0] * 20)
    ratio = (few.high - few.mean) / (many.high - many.mean)
    quantiles = stats.t.ppf(0.975, 9) / stats.t.ppf(0.975, 39)
    assert ratio == pytest.approx(quantiles * sqrt(39 / 9))
