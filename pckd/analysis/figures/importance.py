"""Importance of each searched parameter."""

import pandas as pd
from matplotlib.figure import Figure

from pckd.analysis.figures.style import BLUE, PAGE, grid_of, letters, styled


@styled
def importance_plot(found: pd.DataFrame) -> Figure:
    """One panel per method, parameters in one order, bars with bootstrap intervals.

    Args:
        found: Of `importances`.
    """
    methods = found["method"].unique().tolist()
    parameters = found["name"].unique().tolist()
    places = range(len(parameters))
    figure, panels = grid_of(PAGE, 0.24 * len(parameters) + 0.75, 1, len(methods), sharey=True)
    for axes, method in zip(panels, methods, strict=True):
        mine = found[found["method"] == method]
        axes.barh(places, mine["importance"], height=0.6, color=BLUE, alpha=0.55)
        axes.hlines(places, mine["low"], mine["high"], color="black", lw=1)
        axes.plot(mine["importance"], places, "D", ms=4, color=BLUE, mec="white", mew=0.5)
        axes.set_yticks(places, parameters)
        axes.set_ylim(len(parameters) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_title(method)
        axes.set_xlabel("importance (share of 1)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
    letters(panels)
    return figure
