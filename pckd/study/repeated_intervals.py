"""Repeated confidence intervals of a mean, for few values and an unknown, skewed distribution.

Repeated intervals are those of Jennison and Turnbull (1989): all looks together miss the mean with
at most the level. Each is Student's interval, corrected for skewness by the cubic of Hall (1992,
"On the removal of skewness by transformation"): with t the statistic of Student at n values and
a = skewness / sqrt(n),

    g = t + a t^2 / 3 + a^2 t^3 / 27 + a / 6

is compared with the quantiles of Student's t. g grows with t, so the interval has a closed form.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

STUDIES = 100_000
"""Studies simulated of each distribution."""

SPENDING = 1.5
"""After n of N values (n / N) ** SPENDING of the level may be spent (Lan and DeMets, 1983)."""

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Draws values of a distribution whose mean is 0, in a shape."""

CALIBRATED: tuple[Draw, ...] = (
    lambda random, size: random.standard_normal(size),
    lambda random, size: random.exponential(size=size) - 1,
    lambda random, size: random.standard_t(3, size),
)
"""The distributions for which the level holds."""


def repeated_intervals(
    values: Floats, critical: Floats, at_least: int, least_deviation: float = 0.0
) -> tuple[Floats, Floats]:
    """The ends of the interval at each look.

    Args:
        values: In the order in which they came [..., n].
        critical: Of Student's t at each look [looks], from `critical_values`.
        at_least: The values at the first look.
        least_deviation: The standard deviation that a smaller one counts as, in the unit of the
            values: few values on a coarse scale may be equal by chance.

    Returns:
        Low and high ends [..., n - at_least + 1], in the unit of the values.
    """
    mean, error, skew = _moments(values, at_least)
    error = np.maximum(error, least_deviation / np.sqrt(looks_of(values, at_least)))
    critical = critical[: mean.shape[-1]]
    return mean - error * _student(critical, skew), mean - error * _student(-critical, skew)


def looks_of(values: Floats, at_least: int) -> Floats:
    """The number of values at each look [n - at_least + 1]."""
    return np.arange(at_least, values.shape[-1] + 1, dtype=np.float64)


@lru_cache(maxsize=64)
def critical_values(
    level: float, at_least: int, at_most: int, calibrated: tuple[Draw, ...] = CALIBRATED
) -> Floats:
    """The critical values of Student's t at the looks from `at_least` to `at_most` [looks].

    Each is the smallest with which, in every one of the simulated distributions, the studies that
    missed the mean at this look or before are no more than may be by now, three standard errors
    off; infinite where that is none.

    Args:
        level: The probability that an interval of any look misses the mean.
        at_least: The values at the first look.
        at_most: The values at the last look.
        calibrated: The distributions.
    """
    looks = np.arange(at_least, at_most + 1)
    allowed = STUDIES * level * (looks / at_most) ** SPENDING
    p_values = _p_values(at_least, at_most, calibrated)
    missed = [np.zeros(STUDIES, dtype=bool) for _ in p_values]
    bounds = np.zeros(len(looks))
    for look, misses in enumerate(allowed - 3 * np.sqrt(allowed)):
        bounds[look] = min(
            _bound(each[~before, look], int(misses) - int(before.sum()))
            for each, before in zip(p_values, missed, strict=True)
        )
        for each, before in zip(p_values, missed, strict=True):
            before |= each[:, look] < bounds[look]
    critical = np.asarray(-special.stdtrit(looks - 1, bounds / 2), dtype=np.float64)
    critical.setflags(write=False)
    return critical


def _bound(p_values: Floats, misses: int) -> float:
    """The bound below which so many of the p-values lie."""
    return float(np.partition(p_values, misses)[misses]) if misses > 0 else 0.0


@lru_cache(maxsize=1)
def _p_values(at_least: int, at_most: int, calibrated: tuple[Draw, ...]) -> tuple[Floats, ...]:
    """The p-values of the true mean in the simulated studies of each distribution [studies, looks].

    Those of one design at a time are kept, 40 MB of the usual one: comparisons share them.
    """
    random = np.random.default_rng(20_261_126)
    looks = np.arange(at_least, at_most + 1)
    found = []
    for draw in calibrated:
        mean, error, skew = _moments(draw(random, (STUDIES, at_most)), at_least)
        found.append(2 * special.stdtr(looks - 1, -np.abs(_corrected(mean / error, skew))))
    return tuple(found)


def _moments(values: Floats, at_least: int) -> tuple[Floats, Floats, Floats]:
    """Mean, its standard error, and skewness / sqrt(n) at each look [..., looks]."""
    number = looks_of(values, at_least)
    shift = values[..., :1]
    shifted = values - shift
    first, second, third = (
        power.cumsum(axis=-1)[..., at_least - 1 :] / number
        for power in (shifted, shifted * shifted, shifted * shifted * shifted)
    )
    variance = np.maximum(second - first**2, 0)
    moment = third - 3 * first * second + 2 * first**3
    # Equal values have no skewness.
    scale = np.where(variance > 0, variance, np.inf) ** 1.5
    return first + shift, np.sqrt(variance / (number - 1)), moment / scale / np.sqrt(number)


def _corrected(t: Floats, skew: Floats) -> Floats:
    corrected: Floats = t * (1 + skew * t / 3 * (1 + skew * t / 9)) + skew / 6
    return corrected


def _student(corrected: Floats, skew: Floats) -> Floats:
    """The t of a corrected one: the cubic solved; linear where the skewness is next to nothing."""
    safe = np.where(np.abs(skew) > 1e-6, skew, 1)
    solved = 3 / safe * (np.cbrt(1 + safe * (corrected - safe / 6)) - 1)
    student: Floats = np.where(np.abs(skew) > 1e-6, solved, corrected - skew / 6)
    return student
