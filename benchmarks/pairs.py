"""Ratios from interleaved measurements: A B A B ..., so that a busy machine slows both alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

Measurement = Callable[[], float]
"""Does a piece of work and returns the seconds it took."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Speed-up of one contender over another."""

    name: str
    of_pairs: tuple[float, ...]
    """Seconds of the slower way by seconds of the faster, one number a pair."""

    @property
    def middle(self) -> float:
        """The median of the pairs."""
        return median(self.of_pairs)

    def as_json(self) -> dict[str, Any]:
        """The entry of `build/bench.json`."""
        return {
            "name": self.name,
            "ratio": self.middle,
            "min": min(self.of_pairs),
            "max": max(self.of_pairs),
            "pairs": len(self.of_pairs),
        }


def interleave(contenders: Mapping[str, Measurement], rounds: int) -> dict[str, list[float]]:
    """The seconds of each contender, one number a round; all take their turn in every round.

    Args:
        contenders: By name. Each runs once before the clock counts.
        rounds: How often each is measured.
    """
    for measure in contenders.values():
        measure()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            seconds[name].append(measure())
    return seconds


def ratio(name: str, slow: list[float], fast: list[float]) -> Ratio:
    """The ratio of two contenders that took turns."""
    return Ratio(name, tuple(a / b for a, b in zip(slow, fast, strict=True)))
