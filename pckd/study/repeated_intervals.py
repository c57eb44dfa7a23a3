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

LEAST_LEVEL = 0.0005
"""The smallest level that so many studies can calibrate."""

GROWTH = 3
"""The p-value that a look needs grows as n ** GROWTH: the few values of early looks, where skewness
does most harm, spend little of the level."""

CALIBRATED: tuple[Callable[[np.random.Generator, tuple[int, int]], Floats], ...] = (
    lambda random, size: random.standard_normal(size),
    lambda random, size: random.exponential(size=size) - 1,
    lambda random, size: random.standard_t(3, size),
)
"""The distributions for which the level holds, each of mean 0."""


def repeated_intervals(values: Floats, critical: Floats, at_least: int) -> tuple[Floats, Floats]:
    """The ends of the interval at each look.

    Args:
        values: In the order in which they came [..., n].
        critical: Of Student's t at each look [looks], from `critical_values`.
        at_least: The values at the first look.

    Returns:
        Low and high ends [..., n - at_least + 1], in the unit of the values.
    """
    mean, error, skew = _moments(values, at_least)
    critical = critical[: mean.shape[-1]]
    return mean - error * _student(critical, skew), mean - error * _student(-critical, skew)


@lru_cache(maxsize=64)
def critical_values(level: float, at_least: int, at_most: int) -> Floats:
    """The critical values of Student's t at the looks from `at_least` to `at_most` [looks].

    Args:
        level: The probability that an interval of any look misses the mean.
        at_least: The values at the first look.
        at_most: The values at the last look.
    """
    misses = int(level * STUDIES - 3 * (level * STUDIES) ** 0.5)
    last = min(least[misses] for least in _least_p_values(at_least, at_most))
    looks = np.arange(at_least, at_most + 1)
    critical: Floats = -special.stdtrit(looks - 1, last * (looks / at_most) ** GROWTH / 2)
    critical.setflags(write=False)
    return critical


@lru_cache(maxsize=16)
def _least_p_values(at_least: int, at_most: int) -> tuple[Floats, ...]:
    """Each study's smallest p-value, as a multiple of its look's share, sorted [studies]."""
    random = np.random.default_rng(20_261_126)
    looks = np.arange(at_least, at_most + 1)
    share = (looks / at_most) ** GROWTH
    found = []
    for draw in CALIBRATED:
        mean, error, skew = _moments(draw(random, (STUDIES, at_most)), at_least)
        p_values = 2 * special.stdtr(looks - 1, -np.abs(_corrected(mean / error, skew)))
        found.append(np.sort((p_values / share).min(axis=1)))
    return tuple(found)


def _moments(values: Floats, at_least: int) -> tuple[Floats, Floats, Floats]:
    """Mean, its standard error, and skewness / sqrt(n) at each look [..., looks]."""
    number = np.arange(at_least, values.shape[-1] + 1)
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
