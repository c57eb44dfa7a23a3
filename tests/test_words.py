import pytest

from pckd.words import duration, plural, rough_duration


@pytest.mark.parametrize(
    ("seconds", "measured", "estimated"),
    [
        (4.21, "4.2 s", "4 seconds"),
        (45, "45 s", "45 seconds"),
        (59.7, "1 min 00 s", "60 seconds"),
        (200, "3 min 20 s", "3 minutes"),
        (7380, "2 h 03 min", "2.0 hours"),
    ],
)
def test_durations(seconds: float, measured: str, estimated: str) -> None:
    assert (duration(seconds), rough_duration(seconds)) == (measured, estimated)


def test_one_thing_and_several() -> None:
    assert [plural(count, "seed") for count in (0, 1, 1500)] == ["0 seeds", "1 seed", "1,500 seeds"]
