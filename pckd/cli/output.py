"""Tables and text on the terminal, or the same as JSON."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pckd.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

WRAPPED = (
    *("about", "allowed", "case", "changes", "command", "message", "notices", "reason"),
    *("source", "terms"),
)
"""Columns of long text, which may take several lines on a terminal."""

LINE = 100
"""Characters of a line of text where no terminal limits it."""

NARROWEST = 60
"""Characters that a line may have on every terminal: a narrower one breaks it where it ends, and a
table made for it would show no columns."""

FIRST_ROWS = 40
"""Rows of a long table that a terminal shows, unless all are asked for."""

SMALL = 0.1
"""Numbers below it, such as learning rates, are shown with three digits that count."""

UNLIMITED = 100_000
"""Characters of a line where no terminal limits it, so that a pipe gets each row in one."""


def print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows of equal keys: aligned columns, or a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        print("none")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        numeric = any(isinstance(row[name], (int, float)) for row in rows)
        width = None if name in WRAPPED else max(len(shown(row[name])) for row in rows)
        table.add_column(
            name, justify="right" if numeric else "left", min_width=width, overflow="fold"
        )
    for row in rows:
        table.add_row(*(escape(shown(value)) for value in row.values()))
    _console().print(table)


def shown(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return json.dumps(value, default=str)
    if isinstance(value, float):
        return f"{value:.3g}" if 0 < abs(value) < SMALL else f"{value:.2f}"
    return str(value)


def print_text(text: str, *, prefix: str = "") -> None:
    """Print a paragraph, broken where the terminal ends; each of its lines begins alike."""
    for line in textwrap.wrap(text, _console().width - len(prefix), break_on_hyphens=False):
        print(f"{prefix}{line}")


def line_width() -> int:
    """Number of characters of a line of the terminal; LINE where there is none."""
    from rich.console import Console

    console = Console()
    return max(console.width, NARROWEST) if console.is_terminal else LINE


def first_rows(rows: int) -> int:
    """Number of rows of a long table to show: a terminal gets the first ones, a pipe all."""
    from rich.console import Console

    return min(rows, FIRST_ROWS) if Console().is_terminal else rows


def print_json(content: object) -> None:
    """Print JSON for other programs."""
    print(json.dumps(content, indent=2, default=str))


def accuracy_text(top1: float, top5: float, num_classes: int) -> str:
    """Accuracies in percent; top-5 is left out where five guesses are always right."""
    return f"top-1 {top1:.2f} %" + (f", top-5 {top5:.2f} %" if num_classes > 5 else "")


def write_output(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file that a command was asked for, and never over another unless told to.

    Raises:
        InputError: Something is there, also if it came while the content was made.
    """
    from pckd.files.writing import write_atomically

    refuse_overwriting(path, force=force)
    write_atomically(path, lambda file: file.write(content))


def refuse_overwriting(path: Path, *, force: bool) -> None:
    """Refuse a path where something is already, unless that was asked for.

    Raises:
        InputError: There is something.
    """
    if path.exists() and not force:
        raise InputError(f"{path} is there already: --force overwrites it")


def _console() -> "Console":
    from rich.console import Console

    console = Console()
    console.width = max(console.width, NARROWEST) if console.is_terminal else UNLIMITED
    return console
