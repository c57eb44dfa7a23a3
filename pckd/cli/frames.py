"""Data frames on the terminal."""

import numpy as np
import pandas as pd

from pckd.cli.output import WRAPPED, print_rows, shown

NARROW = 27
"""Characters that a column of long text takes at least."""

GAP = 2
"""Characters between columns."""


def print_frame(frame: pd.DataFrame, *, as_json: bool) -> None:
    """Print a data frame as `print_rows` does; missing values are shown as '-' or null."""
    known = _plain(frame)
    rows = [dict(zip(frame.columns, values, strict=True)) for values in known.to_numpy()]
    print_rows(rows, as_json=as_json)


def fitting(frame: pd.DataFrame, width: int) -> pd.DataFrame:
    """The first columns of a frame, as many as fit a line of some characters.

    Columns of long text count as NARROW characters: on a terminal they take several lines.
    """
    widths = []
    for name, values in _plain(frame).items():
        longest = max([len(str(name)), *(len(shown(value)) for value in values)])
        widths.append(min(longest, NARROW) if name in WRAPPED else longest)
    fits = pd.Series(widths).add(GAP).cumsum() - GAP <= width
    return frame.loc[:, fits.to_numpy()]


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with None where a value is missing, and with lists for arrays."""
    lists = frame.map(lambda value: value.tolist() if isinstance(value, np.ndarray) else value)
    return lists.astype(object).where(frame.notna(), None)
