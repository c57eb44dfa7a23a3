"""Columns of a table on the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from pckd.cli.output import WRAPPED, shown

NARROW = 27
"""Characters that a column of long text takes at least."""

GAP = 2
"""Characters between columns."""


def as_started(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trials in the order in which they started; rows of other tables stay in their order."""
    return sorted(rows, key=lambda row: (row.get("started") is None, row.get("started")))


def picked(rows: Iterable[Mapping[str, object]], names: Sequence[str]) -> list[dict[str, object]]:
    """The same rows with these columns only, in this order."""
    return [{name: row[name] for name in names} for row in rows]


def filled(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Names of the columns that have a value in some row."""
    return [name for name in next(iter(rows), {}) if any(row[name] is not None for row in rows)]


def fitting(rows: Sequence[Mapping[str, object]], names: Sequence[str], width: int) -> list[str]:
    """The first of some columns, as many as fit a line of some characters.

    Columns of long text count as NARROW characters: on a terminal they take several lines.
    """
    ends = accumulate(_width(rows, name) + GAP for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end - GAP <= width]


def _width(rows: Sequence[Mapping[str, object]], name: str) -> int:
    longest = max([len(name), *(len(shown(row[name])) for row in rows)])
    return min(longest, NARROW) if name in WRAPPED else longest
