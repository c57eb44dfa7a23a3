"""Accuracy against one key at a time."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
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
    letters,
    log_axis,
    percent_limits,
    shifted,
    styled,
)
from pckd.analysis.numbers.sensitivity import Sensitivity
from pckd.analysis.words import plain

MEAN: dict[str, Any] = {"marker": "D", "mec": "white", "mew": 0.5}
SEED: dict[str, Any] = {"marker": "o", "lw": 0, "ms": 2.8, "mfc": "none", "mec": GREY, "mew": 0.7}


@styled
def sensitivity_plot(items: Sequence[Sensitivity], ylabel: str) -> Figure:
    """One panel per key, with one vertical axis for all, so that effects can be compared.

    Args:
        items: Of one pair.
        ylabel: What is measured (percent), with its unit.
    """
    columns = len(items) if len(items) < 5 else 3
    rows = ceil(len(items) / columns)
    width = PAGE if columns > 1 else COLUMN
    figure, panels = grid_of(width, 2.0 * rows + 0.35, rows, columns, len(items), sharey=True)
    for axes, item in zip(panels, items, strict=True):
        _draw_panel(axes, item)
    percent_limits(panels[0], "y")
    for axes in panels[::columns]:
        axes.set_ylabel(ylabel)
    if len(items) > 1:
        letters(panels)
    legend_below(figure, _legend())
    return figure


def _draw_panel(axes: Axes, item: Sensitivity) -> None:
    """Draw the seeds just right of the interval, so that neither hides the other."""
    table = item.summary
    values = table["value"].tolist()
    places = _places(values, item)
    by_value = dict(zip(map(plain, values), places, strict=True))
    _set_axis(axes, item, places)
    if item.scale != "category":
        axes.plot(places, table["mean"], color=BLUE, lw=0.9, alpha=0.6)
    known = table["n"] > 1
    axes.vlines(np.array(places)[known], table["low"][known], table["high"][known], color=BLUE)
    axes.plot(places, table["mean"], lw=0, ms=4.5, color=BLUE, **MEAN)
    chosen = table["is_default"].to_numpy()
    axes.plot(np.array(places)[chosen], table["mean"][chosen], lw=0, ms=5.5, color=EMPHASIS, **MEAN)
    seeds = [by_value[plain(value)] for value in item.points["value"]]
    axes.plot(seeds, item.points["top1"], transform=shifted(axes, right=5), **SEED)
    axes.set_xlabel(item.name)
    axes.grid(axis="y")


def _places(values: Sequence[object], item: Sensitivity) -> list[float]:
    if item.scale == "category":
        return [float(index) for index in range(len(values))]
    return [float(str(value)) for value in values]


def _set_axis(axes: Axes, item: Sensitivity, places: Sequence[float]) -> None:
    if item.scale == "log":
        log_axis(axes, "x", ticks=places)
    elif item.scale == "symlog":
        axes.set_xscale("symlog", linthresh=min(place for place in places if place > 0))
    labels = [plain(value) for value in item.summary["value"]]
    shown = _with_room(axes, places, labels)
    is_crowded = max(map(len, shown)) * sum(map(bool, shown)) > 18
    axes.set_xticks(places, shown)
    if is_crowded:
        axes.tick_params(axis="x", rotation=30)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.minorticks_off()
    axes.margins(x=0.15)


def _with_room(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> list[str]:
    """The labels, empty where the one before is too near to be read."""
    scaled = axes.xaxis.get_transform().transform(np.array(places))
    least = 0.14 * float(np.ptp(scaled))
    shown: list[str] = []
    last = -np.inf
    for place, label in zip(scaled, labels, strict=True):
        has_room = place - last >= least
        shown.append(label if has_room else "")
        last = place if has_room else last
    return shown


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], ms=4.5, color=BLUE, label="mean, 95% interval", **MEAN),
        Line2D([], [], ms=5.5, color=EMPHASIS, lw=0, label="default", **MEAN),
        Line2D([], [], label="one seed", **SEED),
    ]
