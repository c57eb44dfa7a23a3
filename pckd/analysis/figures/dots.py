"""Means with intervals and the single seeds behind them, one row per case."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pckd.analysis.figures.style import (
    BLACK,
    GREY,
    PAGE,
    grid_of,
    legend_below,
    percent_limits,
    shifted,
    styled,
)
from pckd.analysis.statistics import Interval

ROW_HEIGHT = 0.27
LABEL_WIDTH = 34
PAPER: dict[str, Any] = {"marker": "x", "lw": 0, "ms": 5, "color": BLACK, "mew": 1.2, "zorder": 4}
"""The mark of the paper's number."""


@dataclass(frozen=True, slots=True)
class DotRow:
    """One case."""

    label: str
    points: Sequence[float]
    """One a seed."""
    interval: Interval
    colour: str
    paper: float = nan
    """The paper's number; NaN where there is none that can be compared."""


@dataclass(frozen=True, slots=True)
class DotPanel:
    """Cases that are compared with each other."""

    title: str
    rows: Sequence[DotRow]


@styled
def dot_plot(groups: Sequence[DotPanel], xlabel: str) -> Figure:
    """Draw accuracies in panels below one another, each with its own horizontal axis.

    Args:
        groups: One panel each, with a row or more.
        xlabel: What the dots measure (percent), with its unit.
    """
    figure, panels = _panels(groups, xlabel)
    for axes in panels:
        percent_limits(axes, "x")
    return figure


@styled
def effects_plot(groups: Sequence[DotPanel], xlabel: str) -> Figure:
    """Draw differences in the same way, but on one axis with a line at zero.

    Args:
        groups: One panel each, with a row or more.
        xlabel: What the dots measure (points), with its unit.
    """
    figure, panels = _panels(groups, xlabel, sharex=True)
    for axes in panels:
        axes.axvline(0, color=GREY, lw=0.8, zorder=0)
    reach = min(100.0, max(abs(limit) for limit in panels[0].get_xlim()))
    panels[0].set_xlim(-reach, reach)
    return figure


def _panels(
    groups: Sequence[DotPanel], xlabel: str, *, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    heights = [ROW_HEIGHT * sum(map(_lines, group.rows)) + 0.45 for group in groups]
    figure, panels = grid_of(
        0.75 * PAGE, sum(heights) + 0.55, rows=len(groups), height_ratios=heights, sharex=sharex
    )
    for axes, group in zip(panels, groups, strict=True):
        _draw_panel(axes, group)
    panels[-1].set_xlabel(xlabel)
    legend_below(
        figure, _legend(any(isfinite(row.paper) for group in groups for row in group.rows))
    )
    return figure, panels


def _lines(row: DotRow) -> int:
    return fill(row.label, LABEL_WIDTH).count("\n") + 1


def _draw_panel(axes: Axes, group: DotPanel) -> None:
    for height, row in enumerate(group.rows):
        _draw_row(axes, height, row)
    axes.set_yticks(range(len(group.rows)), [fill(row.label, LABEL_WIDTH) for row in group.rows])
    axes.set_ylim(len(group.rows) - 0.5, -0.5)
    axes.set_title(group.title, loc="left")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.06)
    axes.spines["left"].set_visible(False)


def _draw_row(axes: Axes, height: int, row: DotRow) -> None:
    """Draw the seeds just below the line of the interval, so that neither hides the other."""
    if isfinite(row.paper):
        axes.plot(row.paper, height, **PAPER)
    if row.interval.count == 0:
        place = axes.get_yaxis_transform()
        axes.text(0.01, height, "no result yet", color=GREY, va="center", transform=place)
        return
    seeds: dict[str, Any] = {
        "marker": "o",
        "lw": 0,
        "ms": 3,
        "mfc": "none",
        "mec": GREY,
        "mew": 0.8,
    }
    axes.plot(row.points, [height] * len(row.points), transform=shifted(axes, down=5), **seeds)
    if row.interval.is_known:
        axes.hlines(height, row.interval.low, row.interval.high, color=row.colour, lw=1.6)
    axes.plot(row.interval.mean, height, "D", ms=5, color=row.colour, mec="white", mew=0.6)


def _legend(has_paper: bool) -> list[Line2D]:
    mean, seed = "mean, 95% interval", "one seed"
    paper = [Line2D([], [], label="the paper's", **PAPER)] if has_paper else []
    return [
        Line2D([], [], marker="D", ms=5, color="black", mec="white", lw=1.6, label=mean),
        Line2D([], [], marker="o", ms=3, mfc="none", mec=GREY, lw=0, label=seed),
        *paper,
    ]
