"""Paired differences by seed, beside their interval and the smallest difference that matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from matplotlib.figure import Figure

from pckd.analysis.figures.style import BLACK, COLOURS, GREY, PAGE, PALE, grid_of, styled

PANEL_HEIGHT = 1.5


@dataclass(frozen=True, slots=True)
class Differences:
    """One comparison, in points."""

    title: str
    first_seed: int
    values: Sequence[float]
    estimate: float
    low: float
    high: float
    smallest: float


@styled
def differences_plot(comparisons: Sequence[Differences], ylabel: str) -> Figure:
    """Draw one panel per comparison, one below the other.

    The band is what does not matter, up to the smallest difference; the interval stands right of
    the seeds.

    Args:
        comparisons: One or more.
        ylabel: What is drawn, with its unit.
    """
    height = PANEL_HEIGHT * len(comparisons) + 0.5
    figure, panels = grid_of(0.75 * PAGE, height, rows=len(comparisons))
    for axes, each in zip(panels, comparisons, strict=True):
        axes.axhspan(-each.smallest, each.smallest, color=PALE, alpha=0.4, lw=0, zorder=0)
        axes.axhline(0, color=GREY, lw=0.8, zorder=1)
        seeds = range(each.first_seed, each.first_seed + len(each.values))
        axes.plot(seeds, each.values, "o", ms=4, mfc="none", mec=BLACK)
        place = each.first_seed + len(each.values) + 0.5
        if isfinite(each.low) and isfinite(each.high):
            axes.vlines(place, each.low, each.high, color=COLOURS[0], lw=1.6)
        axes.plot(place, each.estimate, "D", ms=5, color=COLOURS[0], mec="white", mew=0.6)
        axes.set_xticks([*seeds, place], [*map(str, seeds), "all"])
        axes.set_title(each.title, loc="left")
        axes.set_ylabel(ylabel)
    panels[-1].set_xlabel("seed")
    return figure
