"""Parts of a report: sections of paragraphs, tables and pictures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd
from matplotlib.figure import Figure

_NUMERIC = re.compile(r"[-+\N{MINUS SIGN}]?[\d.,]*(?: to [-\N{MINUS SIGN}]?[\d.,]+)?%?")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more."""

    kind: ClassVar[str] = "paragraph"
    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers twice: in full precision for the CSV file, and as text for the reader."""

    kind: ClassVar[str] = "table"
    name: str
    """Name of its files, unique in a study."""
    caption: str
    values: pd.DataFrame
    shown: pd.DataFrame
    """Cells are text."""

    def is_numeric(self, column: str) -> bool:
        """Return whether a shown column holds numbers only, and is set flush right."""
        return all(_NUMERIC.fullmatch(str(cell)) for cell in self.shown[column])


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its caption."""

    kind: ClassVar[str] = "picture"
    name: str
    """Name of its files, unique in a study."""
    caption: str
    figure: Figure
    values: pd.DataFrame | None = None
    """Numbers behind the drawing, for a CSV file; None if a table of the section has them."""


Part = Paragraph | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """Parts under a heading."""

    title: str
    parts: Sequence[Part] = field(default_factory=list)
