"""Figure 6: how easy and hard samples are weighted over the epochs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pckd.analysis.figures.epochs import draw_line, epoch_axis
from pckd.analysis.figures.style import (
    BLACK,
    BLUE,
    PAGE,
    VERMILLION,
    grid_of,
    legend_below,
    letters,
    styled,
)

DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.2)))


@dataclass(frozen=True, slots=True)
class WeightCurves:
    """One case: frames with epoch, mean, low, high, n of `over_seeds`."""

    label: str
    easy_weight: pd.DataFrame
    hard_weight: pd.DataFrame
    easy_share: pd.DataFrame
    """Percent."""


@styled
def weights_plot(items: Sequence[WeightCurves]) -> Figure:
    """Left: mean weight of easy and hard samples; right: the share of easy ones.

    Args:
        items: One a case, three at most: each has a line style of its own.
    """
    figure, (weights, shares) = grid_of(PAGE, 2.4, 1, 2)
    for item, dashes in zip(items, DASHES, strict=False):
        draw_line(weights, item.easy_weight, BLUE, ls=dashes)
        draw_line(weights, item.hard_weight, VERMILLION, ls=dashes)
        draw_line(shares, item.easy_share, BLUE, ls=dashes)
    epoch_axis(weights, "mean weight of a sample")
    epoch_axis(shares, "share of easy samples")
    weights.set_ylabel("weight")
    shares.set_ylabel("easy samples (%)")
    weights.set_ylim(0, 1.05)
    shares.set_ylim(0, 100)
    letters([weights, shares])
    handles = [
        Line2D([], [], color=BLUE, label="easy samples"),
        Line2D([], [], color=VERMILLION, label="hard samples"),
    ]
    if len(items) > 1:
        handles += [
            Line2D([], [], color=BLACK, ls=dashes, label=item.label)
            for item, dashes in zip(items, DASHES, strict=False)
        ]
    legend_below(figure, handles)
    return figure
