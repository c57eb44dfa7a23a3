"""Accuracy against each searched parameter."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pckd.analysis.figures.style import (
    BLUE,
    COLUMN,
    EMPHASIS,
    GREY,
    PAGE,
    grid_of,
    legend_below,
    log_axis,
    styled,
)
from pckd.analysis.numbers.ranking import TOP_SHARE, completed, top_count
from pckd.analysis.search_space import SearchedKey
from pckd.analysis.words import plain

TOP: dict[str, Any] = {"marker": "o", "color": EMPHASIS, "ms": 4.5, "lw": 0}
OTHER: dict[str, Any] = {"marker": "o", "color": BLUE, "ms": 3.5, "lw": 0, "alpha": 0.8}
STOPPED: dict[str, Any] = {"marker": "x", "color": GREY, "ms": 3.5, "lw": 0, "mew": 0.8}


@styled
def slices_plot(ranked: pd.DataFrame, parameters: Sequence[SearchedKey], ylabel: str) -> Figure:
    """One panel per parameter.

    Args:
        ranked: Of `configurations`.
        parameters: What was searched.
        ylabel: What is measured, with its unit.
    """
    columns = min(len(parameters), 3)
    rows = ceil(len(parameters) / columns)
    width = PAGE if columns > 1 else COLUMN
    figure, panels = grid_of(width, 1.9 * rows + 0.3, rows, columns, len(parameters), sharey=True)
    for axes, parameter in zip(panels, parameters, strict=True):
        _draw_slice(axes, ranked, parameter)
    for axes in panels[::columns]:
        axes.set_ylabel(ylabel)
    handles = [
        Line2D([], [], label=f"best {TOP_SHARE:.0%}", **TOP),
        Line2D([], [], label="other completed", **OTHER),
    ]
    if (ranked["status"] == "stopped").any():
        handles.append(Line2D([], [], label="stopped early", **STOPPED))
    legend_below(figure, handles)
    return figure


def _draw_slice(axes: Axes, ranked: pd.DataFrame, parameter: SearchedKey) -> None:
    done = completed(ranked)
    stopped = ranked[ranked["status"] == "stopped"]
    top = top_count(len(done))
    for rows, style in ((stopped, STOPPED), (done.iloc[top:], OTHER), (done.iloc[:top], TOP)):
        places = [parameter.place(value) for value in rows[parameter.key]]
        axes.plot(places, rows["heldout_mean"], **style)
    axes.set_xlabel(parameter.name)
    axes.grid(axis="y")
    if parameter.choices:
        axes.set_xticks(range(len(parameter.choices)), [plain(item) for item in parameter.choices])
        axes.margins(x=0.2)
    elif parameter.is_log:
        axes.set_xlim(parameter.low / 1.3, parameter.high * 1.3)
        log_axis(axes, "x")
