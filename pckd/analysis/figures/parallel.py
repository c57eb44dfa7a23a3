"""Parallel coordinates: all searched parameters side by side."""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from pckd.analysis.figures.style import BLUE, EMPHASIS, GREY, PAGE, grid_of, legend_below, styled
from pckd.analysis.numbers.ranking import TOP_SHARE, top_count
from pckd.analysis.search_space import SearchedKey
from pckd.analysis.words import plain

TOP: dict[str, Any] = {"color": EMPHASIS, "lw": 1.5, "zorder": 3}
OTHER: dict[str, Any] = {"color": BLUE, "lw": 0.8, "alpha": 0.45, "zorder": 2}
STOPPED: dict[str, Any] = {"color": GREY, "lw": 0.7, "ls": (0, (3, 2)), "alpha": 0.7, "zorder": 1}

Ticks = Sequence[tuple[float, str]]
"""Heights from 0 to 1, with their labels."""


@styled
def parallel_plot(ranked: pd.DataFrame, parameters: Sequence[SearchedKey], label: str) -> Figure:
    """Draw one line per configuration; one axis per parameter, and the accuracy's last.

    Args:
        ranked: Of `configurations`; only completed and stopped ones are drawn.
        parameters: What was searched.
        label: Of the last axis, with its unit.
    """
    figure, (axes,) = grid_of(PAGE, 2.9)
    shown = ranked[ranked["status"].isin(["completed", "stopped"])].dropna(subset="heldout_mean")
    marks = _accuracy_marks(shown["heldout_mean"])
    low, high = marks[0], marks[-1]
    top = top_count(int((shown["status"] == "completed").sum()))
    for row in reversed(shown.to_dict("records")):
        heights = [parameter.coordinate(row[parameter.key]) for parameter in parameters]
        heights.append((row["heldout_mean"] - low) / (high - low))
        axes.plot(range(len(heights)), heights, **_line_style(row["status"], row["rank"], top))
    for place, parameter in enumerate(parameters):
        _draw_axis(axes, place, _ticks(parameter))
    _draw_axis(axes, len(parameters), [((m - low) / (high - low), plain(m)) for m in marks])
    names = [_two_lines(parameter.name) for parameter in parameters]
    _set_frame(axes, [*names, label])
    handles = [
        Line2D([], [], label=f"best {TOP_SHARE:.0%}", **TOP),
        Line2D([], [], label="other completed", **OTHER),
    ]
    if (ranked["status"] == "stopped").any():
        handles.append(Line2D([], [], label="stopped early", **STOPPED))
    legend_below(figure, handles)
    return figure


def _accuracy_marks(values: "pd.Series[float]") -> list[float]:
    """Round numbers that enclose the accuracies."""
    low, high = float(values.min()), float(values.max())
    low, high = (low - 0.5, high + 0.5) if high - low < 0.5 else (low, high)
    return [float(mark) for mark in MaxNLocator(5).tick_values(low, high)]


def _line_style(status: str, rank: int, top: int) -> dict[str, Any]:
    if status == "stopped":
        return STOPPED
    return TOP if rank <= top else OTHER


def _ticks(parameter: SearchedKey) -> Ticks:
    """Each choice; or the bounds, and decades (or the middle) between them."""
    if parameter.choices:
        return [(parameter.coordinate(item), plain(item)) for item in parameter.choices]
    inner = [(parameter.low + parameter.high) / 2]
    if parameter.is_log:
        decades = range(floor(log10(parameter.low)), ceil(log10(parameter.high)) + 1)
        inner = [10.0**decade for decade in decades]
    marks = {parameter.coordinate(value): plain(float(value)) for value in inner}
    kept = {height: text for height, text in marks.items() if 0.06 < height < 0.94}
    bounds = {0.0: plain(float(parameter.low)), 1.0: plain(float(parameter.high))}
    return list((bounds | kept).items())


def _draw_axis(axes: Axes, place: int, ticks: Ticks) -> None:
    axes.plot([place, place], [0, 1], color="black", lw=0.7, zorder=4)
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for height, text in ticks:
        axes.plot([place - 0.02, place], [height, height], color="black", lw=0.7, zorder=4)
        label = axes.text(place - 0.04, height, text, ha="right", va="center", fontsize=6.5)
        label.set(zorder=5, path_effects=halo)


def _set_frame(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks([])
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlim(-0.3, len(names) - 0.65)
    axes.tick_params(axis="x", length=0, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _two_lines(name: str) -> str:
    """A name broken at its first space, or after its first dot."""
    return name.replace(" ", "\n", 1) if " " in name else name.replace(".", ".\n", 1)
