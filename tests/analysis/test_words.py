from math import inf, nan

import pytest

from pckd.analysis.statistics import Interval, mean_interval
from pckd.analysis.words import (
    bounds,
    listing,
    number,
    numbers_range,
    plain,
    signed,
    verdict,
    without_repeats,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (93.416, "93.42"),
        (-0.5, "\N{MINUS SIGN}0.50"),
        (nan, "-"),
        (None, "-"),
        (inf, "-"),
        (50000, "50,000.00"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_signs_and_bounds() -> None:
    assert signed(0.5) == "+0.50" and signed(-0.5) == "\N{MINUS SIGN}0.50" and signed(nan) == "-"
    assert (number(-0.001), signed(-0.001)) == ("0.00", "+0.00")
    assert bounds(1.0, 2.5) == "1.00 to 2.50"
    assert bounds(nan, nan) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.05, "0.05"),
        (1e-5, "1e-05"),
        (20.0, "20"),
        ("focal", "focal"),
        (None, "none"),
        ([], "none"),
    ],
)
def test_settings(value: object, text: str) -> None:
    assert plain(value) == text


def test_lists_and_ranges() -> None:
    assert [listing(list("abc")[:count]) for count in range(4)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert numbers_range([3, 1, 2]) == "1 to 3"
    assert numbers_range([2, 2]) == "2" and numbers_range([]) == "-"
    assert without_repeats(["a", "a", "b", "a"]) == ["a", "", "b", "a"]


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (mean_interval([]), "no common seed"),
        (mean_interval([5.0]), "one seed: noise unknown"),
        (Interval(1.0, -0.1, 2.1, 3), "within noise"),
        (Interval(0.0, 0.0, 0.0, 2), "within noise"),
        (Interval(-0.93, -0.93, -0.93 + 1e-14, 2), "seeds agree exactly: noise unknown"),
        (Interval(1.0, 0.1, 1.9, 3), "above, beyond noise"),
        (Interval(-1.0, -1.9, -0.1, 3), "below, beyond noise"),
    ],
)
def test_verdicts(difference: Interval, text: str) -> None:
    assert verdict(difference) == text
