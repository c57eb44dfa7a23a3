"""Verdicts: what they conclude, what they refuse, how often they are false."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from benchmarks.verdicts import SMALLEST, WORLDS, ends
from pckd.study import verdicts
from pckd.study.repeated_intervals import Floats, critical_values, repeated_intervals
from pckd.study.verdicts import Verdict, chance_of_a_verdict, decide

STUDIES = 4_000
SIGMA = math.sqrt(0.05 * 0.95 / STUDIES)
CLEAR = [2.0, 2.1, 1.9, 2.05]
SCATTERED = [
    0.7,
    1.1,
    -1.1,
    0.1,
    0.7,
    0.9,
    0.5,
    0.9,
    0.3,
    0.5,
    0.3,
    -0.3,
    -0.2,
    0.4,
    -0.1,
    0.8,
    0.8,
]
SCATTERED += [1.1, 0.2, 0.9]
STUDY = st.lists(st.integers(-500, 500).map(lambda hundredth: hundredth / 100), max_size=20)


def _decide(differences: list[float]) -> Verdict:
    return decide(differences, smallest_difference=SMALLEST)


@pytest.mark.parametrize(
    ("differences", "name", "seeds"),
    [
        ([], "go on", 0),
        (CLEAR[:3], "go on", 3),
        (CLEAR, "better", 4),
        ([-value for value in CLEAR], "worse", 4),
        ([0.01, -0.01, 0.0, 0.005] * 3, "no difference", 10),
        ([0.4, -0.2] * 3, "go on", 6),
        ([0.6, -0.3, 0.2] * 4, "go on", 12),
        (SCATTERED, "not clear", 20),
    ],
)
def test_the_name_follows_from_the_interval(
    differences: list[float], name: str, seeds: int
) -> None:
    verdict = _decide(differences)
    assert (verdict.name, verdict.seeds) == (name, seeds)


def test_before_the_first_look_nothing_is_known() -> None:
    assert math.isnan(_decide([]).estimate)
    assert _decide([1.0, 3.0]) == Verdict("go on", 2.0, (-math.inf, math.inf), 2)


@pytest.mark.parametrize("value", [0.0, 0.05, -0.2])
def test_a_few_equal_differences_settle_nothing(value: float) -> None:
    """Accuracies come in steps: four equal differences are no certainty."""
    assert _decide([value] * 5).name == "go on"
    assert _decide([0.05] * 20).name == "no difference"


def test_a_study_without_a_chance_ends_early() -> None:
    verdict = _decide([1.0, -1.0] * 10)
    low, high = verdict.interval
    assert verdict.name == "not clear"
    assert verdict.seeds < 20
    assert low < 0 < high


def test_the_chance_of_a_verdict_is_that_of_studies_that_go_on() -> None:
    """Against 100,000 futures drawn under the reference prior; 4 sigma is 0.0063."""
    random = np.random.default_rng(3)
    critical = critical_values(0.05, 4, 20)
    for mean, deviation in ((0.0, 0.4), (0.5, 1.0), (-0.1, 0.25), (0.0, 2.0)):
        seen = random.standard_normal(9)
        seen = mean + deviation * (seen - seen.mean()) / seen.std(ddof=1)
        sigma = deviation * np.sqrt(8 / random.chisquare(8, 100_000))
        truth = mean + sigma / 3 * random.standard_normal(100_000)
        later = truth + sigma / math.sqrt(11) * random.standard_normal(100_000)
        last = (9 * mean + 11 * later) / 20
        half = critical[-1] * deviation / math.sqrt(20)
        settled = (np.abs(last) > half) | (np.abs(last) < SMALLEST - half)
        chance = chance_of_a_verdict(seen, critical, 4, SMALLEST)[-1]
        assert chance == pytest.approx(settled.mean(), abs=0.0063)


def test_a_settled_question_stays_settled() -> None:
    assert _decide([*CLEAR, -90.0]) == _decide(CLEAR)


@settings(deadline=None)
@given(STUDY)
def test_a_verdict_agrees_with_its_interval_and_mirrors(differences: list[float]) -> None:
    verdict = _decide(differences)
    mirrored = _decide([-value for value in differences])
    low, high = verdict.interval
    assert (verdict.name == "better") == (low > 0)
    assert (verdict.name == "worse") == (high < 0)
    assert mirrored.interval == pytest.approx((-high, -low))
    assert mirrored.estimate == pytest.approx(-verdict.estimate, nan_ok=True)
    if differences:
        assert low - 1e-9 <= verdict.estimate <= high + 1e-9


def test_intervals_solve_the_equation_of_hall() -> None:
    values = np.random.default_rng(1).exponential(size=9)
    critical = critical_values(0.05, 4, 20)
    lows, highs = repeated_intervals(values, critical, 4)
    for number, low, high, bound in zip(range(4, 10), lows, highs, critical, strict=False):
        seen = values[:number]
        skew = float(stats.skew(seen)) / math.sqrt(number)

        def corrected(mean: float, seen: Floats = seen, skew: float = skew) -> float:
            t = (float(seen.mean()) - mean) / float(stats.sem(seen))
            return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6

        for end, wanted in ((low, bound), (high, -bound)):
            solved = optimize.brentq(lambda mean, w=wanted: corrected(mean) - w, -1e3, 1e3)
            assert end == pytest.approx(solved, abs=1e-6)


def test_more_comparisons_and_more_looks_take_wider_intervals() -> None:
    one, three = (critical_values(0.05 / comparisons, 4, 20) for comparisons in (1, 3))
    assert (one < three).all()
    assert critical_values(0.05, 20, 20)[-1] < one[-1]


def test_bounds_come_out_the_same_again() -> None:
    first = critical_values(0.04, 5, 12).copy()
    critical_values.cache_clear()
    assert (critical_values(0.04, 5, 12) == first).all()


@pytest.mark.parametrize(
    ("differences", "design", "named"),
    [
        ([0.1, math.nan], {}, "difference 1 is nan"),
        ([math.inf], {}, "difference 0 is inf"),
        ([1.0] * 21, {}, "21 differences"),
        ([], {"smallest_difference": 0.0}, "smallest_difference"),
        ([], {"smallest_difference": -0.3}, "smallest_difference"),
        ([], {"smallest_difference": math.nan}, "smallest_difference"),
        ([], {"level": 0.0}, "level is 0.0"),
        ([], {"level": 0.5}, "level is 0.5"),
        ([], {"level": math.nan}, "level is nan"),
        ([], {"at_least": 1}, "at_least is 1"),
        ([], {"at_least": 9, "at_most": 8}, "at_most is 8"),
        ([], {"comparisons": 0}, "comparisons is 0"),
        ([], {"comparisons": 1000}, "level / comparisons"),
    ],
)
def test_values_out_of_range_are_refused(
    differences: list[float], design: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        decide(differences, **{"smallest_difference": SMALLEST} | design)


@pytest.mark.parametrize("truth", [0.0, SMALLEST, 2.0])
@pytest.mark.parametrize("world", ["normal", "gamma, shape 4", "exponential", "t, 3 degrees"])
def test_false_verdicts_stay_at_their_level(world: str, truth: float) -> None:
    """At most 0.05 + 4 sigma, sigma = sqrt(0.05 * 0.95 / 4000) = 0.0034.

    Plain 95 % intervals at each look make 0.17 and more.
    """
    noise = WORLDS[world](np.random.default_rng(5), (STUDIES, 20))
    for deviation in (0.3, 0.6, 2.0):
        false = ends(truth + deviation * noise, 4, 20).false(truth)
        assert false.mean() <= 0.05 + 4 * SIGMA


def test_intervals_hold_the_mean_at_every_look() -> None:
    """Coverage for normal differences: at least 0.95 - 4 sigma, and not nearly all."""
    noise = np.random.default_rng(6).standard_normal((STUDIES, 20))
    lows, highs = repeated_intervals(noise, critical_values(0.05, 4, 20), 4)
    held = ((lows <= 0) & (highs >= 0)).all(axis=1).mean()
    assert 0.95 - 4 * SIGMA <= held < 0.99


def test_the_estimate_is_right_on_average_although_studies_stop_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within 4 sigma of 2000 studies, 0.06; the plain mean at the last look is 0.07 too large."""
    monkeypatch.setattr(verdicts, "ORDERS", 100)
    studies = 2.0 + 2.0 * np.random.default_rng(8).standard_normal((2_000, 20))
    estimates = np.array([_decide(study.tolist()).estimate for study in studies])
    assert abs(estimates.mean() - 2.0) <= 4 * estimates.std() / math.sqrt(len(studies))


def test_simulated_studies_end_as_decided() -> None:
    differences = 0.2 + 0.4 * np.random.default_rng(7).standard_normal((60, 20))
    found = ends(differences, 4, 20)
    for study, better, same, seeds in zip(
        differences, found.better, found.same, found.seeds, strict=True
    ):
        verdict = _decide(study.tolist())
        assert (verdict.name == "better", verdict.name == "no difference") == (better, same)
        assert verdict.seeds == seeds
