"""Figure 8: features in the plane, a colour and a marker a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pckd.analysis.figures.style import (
    COLOURS,
    COLUMN,
    GREY,
    PAGE,
    broken,
    colour,
    grid_of,
    legend_below,
    letters,
    styled,
)
from pckd.analysis.numbers.pictures import Matrix

MARKERS = ("o", "^", "s", "D", "v")
"""Markers by class; with the colours, up to 35 classes have a pair of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One network."""

    title: str
    note: str
    """Below the panel."""
    places: Matrix
    """[N, 2]."""
    labels: NDArray[np.int64]
    """[N]."""


@styled
def embedding_plot(items: Sequence[Embedding], class_names: Sequence[str]) -> Figure:
    """Draw one panel per network; axes have no unit, and each panel has its own scale.

    Args:
        items: One a network, all with the same labels.
        class_names: Of all classes; the position is the label.
    """
    columns = len(items) if len(items) < 5 else 3
    rows = ceil(len(items) / columns)
    width = COLUMN if len(items) == 1 else PAGE
    classes = list(dict.fromkeys(items[0].labels.tolist()))
    figure, panels = grid_of(width, rows * (width / columns + 0.3) + 0.5, rows, columns, len(items))
    for axes, item in zip(panels, items, strict=True):
        for place, label in enumerate(classes):
            axes.plot(*item.places[item.labels == label].T, **_look(place))
        axes.set(xticks=[], yticks=[], title=broken(item.title, width / columns), xlabel=item.note)
        axes.set_box_aspect(1)
        axes.spines[:].set(visible=True, color=GREY)
    letters(panels)
    legend_below(
        figure,
        [Line2D([], [], label=class_names[label], **_look(p)) for p, label in enumerate(classes)],
    )
    return figure


def _look(place: int) -> dict[str, Any]:
    """Look of the points of the class at this place."""
    marker = MARKERS[place % len(MARKERS)]
    shade = colour(place % len(COLOURS))
    return {"color": shade, "marker": marker, "ms": 2.6, "mew": 0, "lw": 0, "alpha": 0.85}
