"""Numbers by epoch: what their figures share, and the loss terms."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pckd.analysis.figures.style import BLUE, COLUMN, PAGE, grid_of, styled

FEW_EPOCHS = 8
"""Number of epochs below which each has a marker."""


def draw_line(axes: Axes, line: pd.DataFrame, shade: str, **style: Any) -> None:  # noqa: ANN401
    """A mean over seeds, with a band from the lowest to the highest seed.

    Args:
        axes: The panel.
        line: Columns epoch, mean, low, high, n of `over_seeds`.
        shade: Colour of the line and, paler, of the band.
        style: Further arguments of `Axes.plot`.
    """
    marker = "o" if len(line) < FEW_EPOCHS else ""
    axes.plot(line["epoch"], line["mean"], color=shade, marker=marker, ms=2.5, **style)
    if (line["n"] > 1).any():
        axes.fill_between(line["epoch"], line["low"], line["high"], color=shade, alpha=0.18, lw=0)


def epoch_axis(axes: Axes, title: str) -> None:
    """A horizontal axis of whole epochs."""
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")


@styled
def terms_plot(terms: Mapping[str, pd.DataFrame]) -> Figure:
    """Each loss term in a panel of its own, since their sizes differ.

    Args:
        terms: By title: epoch, mean, low, high, n of `over_seeds`.
    """
    columns = min(len(terms), 3)
    rows = ceil(len(terms) / columns)
    width = PAGE if columns > 1 else COLUMN
    figure, panels = grid_of(width, 1.6 * rows + 0.2, rows, columns, len(terms))
    for axes, (title, line) in zip(panels, terms.items(), strict=True):
        draw_line(axes, line, BLUE)
        epoch_axis(axes, title)
    for axes in panels[::columns]:
        axes.set_ylabel("loss")
    return figure
