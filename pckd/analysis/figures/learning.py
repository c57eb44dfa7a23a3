"""Learning curves."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pckd.analysis.figures.epochs import draw_line, epoch_axis
from pckd.analysis.figures.style import (
    COLOURS,
    COLUMN,
    EMPHASIS,
    GREY,
    PAGE,
    PALE,
    colour,
    grid_of,
    legend_below,
    styled,
)

ENDS = {"stopped": "x", "failed": "P", "running": ">"}
"""Marker at the end of a curve that did not complete."""
END_NAMES = {"stopped": "stopped early", "failed": "failed", "running": "not finished"}
UNFINISHED: dict[str, Any] = {"color": GREY, "lw": 0.6, "ms": 4, "mew": 0.9}


@styled
def learning_plot(
    curves: pd.DataFrame, unfinished: pd.DataFrame, emphasised: Mapping[str, str], ylabel: str
) -> Figure:
    """Accuracy by epoch, a panel for each pair.

    Up to seven cases have a colour each; of more, the emphasised one has and the others are pale.

    Args:
        curves: Of `learning_curves`.
        unfinished: Epoch rows of trials that did not complete: pair, trial, status, epoch, top1.
        emphasised: Labels of the cases that stand out, by name.
        ylabel: What is measured, with its unit.
    """
    pairs = list(dict.fromkeys([*curves["pair"], *unfinished["pair"]]))
    cases = list(dict.fromkeys(curves.sort_values("position", kind="stable")["case"]))
    colours = _colours(curves, emphasised)
    columns = min(len(pairs), 3)
    rows = ceil(len(pairs) / columns)
    width = COLUMN + 1.0 if columns == 1 else PAGE
    figure, panels = grid_of(width, 2.3 * rows + 0.4, rows, columns, len(pairs))
    for axes, pair in zip(panels, pairs, strict=True):
        _draw_unfinished(axes, unfinished[unfinished["pair"] == pair])
        _draw_cases(axes, curves[curves["pair"] == pair], colours)
        epoch_axis(axes, str(pair))
    for axes in panels[::columns]:
        axes.set_ylabel(ylabel)
    handles = [
        Line2D([], [], color=shade, label=emphasised.get(case, case))
        for case, shade in colours.items()
    ]
    if len(cases) > len(colours):
        handles.append(Line2D([], [], color=PALE, lw=0.7, label="other completed"))
    handles += [
        Line2D([], [], marker=ENDS[status], label=END_NAMES[status], **UNFINISHED)
        for status in ENDS
        if status in set(unfinished["status"])
    ]
    legend_below(figure, handles)
    return figure


def _colours(curves: pd.DataFrame, emphasised: Mapping[str, str]) -> dict[str, str]:
    """The colour of each case that has one, by its place in the study as in other figures."""
    places = curves.drop_duplicates("case").sort_values("position", kind="stable")
    is_ordered = places["position"].is_unique  # configurations of a search are not
    if not is_ordered or (places["position"] >= len(COLOURS)).any():
        return dict.fromkeys(emphasised, EMPHASIS)
    return {str(row.case): colour(int(str(row.position))) for row in places.itertuples()}


def _draw_cases(axes: Axes, curves: pd.DataFrame, colours: Mapping[str, str]) -> None:
    for case, line in curves.groupby("case", sort=False):
        if str(case) in colours:
            draw_line(axes, line, colours[str(case)], zorder=3)
        else:
            axes.plot(line["epoch"], line["mean"], color=PALE, lw=0.7, zorder=1)


def _draw_unfinished(axes: Axes, rows: pd.DataFrame) -> None:
    for (status, _), line in rows.groupby(["status", "trial"], sort=False):
        axes.plot(
            *(line["epoch"], line["top1"]),
            marker=ENDS[str(status)],
            markevery=[len(line) - 1],
            zorder=2,
            **UNFINISHED,
        )
