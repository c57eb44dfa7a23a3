"""Numbers as a reader sees them."""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pckd.analysis.statistics import Interval

MISSING = "-"
"""The sign for a missing number."""


def number(value: float | None, digits: int = 2) -> str:
    """`93.42`, never `−0.00`; a dash for None and NaN."""
    if value is None or not isfinite(value):
        return MISSING
    return f"{value:z,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float | None, digits: int = 2) -> str:
    """`+0.42`; a dash for None and NaN."""
    if value is None or not isfinite(value):
        return MISSING
    return f"{value:+z,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def bounds(low: float, high: float, digits: int = 2) -> str:
    """`92.10 to 94.20`; a dash where a bound is NaN."""
    if not (isfinite(low) and isfinite(high)):
        return MISSING
    return f"{number(low, digits)} to {number(high, digits)}"


def plain(value: object) -> str:
    """A setting's value: `0.05`, `1e-05`, `preview`; a dash for NaN."""
    if isinstance(value, float):
        return f"{value:.4g}" if isfinite(value) else MISSING
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value) or "none"
    return "none" if value is None else str(value)


def listing(items: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def numbers_range(values: Iterable[float], digits: int = 0) -> str:
    """`975`, or `975 to 1,949` where the values differ; a dash without any."""
    known = [value for value in values if isfinite(value)]
    if not known:
        return MISSING
    low, high = number(min(known), digits), number(max(known), digits)
    return low if low == high else f"{low} to {high}"


def verdict(difference: "Interval") -> str:
    """Put a paired difference from a reference into words."""
    if difference.count == 0:
        return "no common seed"
    if not difference.is_known:
        return "one seed: noise unknown"
    if difference.mean and not difference.has_width:
        return "seeds agree exactly: noise unknown"
    if not difference.excludes_zero:
        return "within noise"
    return f"{'above' if difference.mean > 0 else 'below'}, beyond noise"


def unbroken(text: str) -> str:
    """The text with spaces at which no line ends."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def without_repeats(cells: Sequence[str]) -> list[str]:
    """The cells of a sorted column, empty where one repeats the cell above."""
    return ["" if place and cell == cells[place - 1] else cell for place, cell in enumerate(cells)]
