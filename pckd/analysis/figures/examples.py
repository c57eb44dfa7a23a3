"""Figure 7: the easiest and the hardest images of a class, with their weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pckd.analysis.figures.style import BLUE, COLUMN, PAGE, VERMILLION, styled

WIDE = 6
"""Images in a row that one column of a paper has room for."""


@dataclass(frozen=True, slots=True, eq=False)
class ExampleRow:
    """Images side by side."""

    title: str
    images: NDArray[np.uint8]
    """[E, H, W, 3]."""
    difficulties: Sequence[float]
    """gamma of each."""
    weights: Sequence[float]
    """v of each."""
    threshold: float
    """t of Eq. 7: an image is easy up to it."""


@styled
def examples_plot(rows: Sequence[ExampleRow]) -> Figure:
    """Draw rows of images, with the weight and the difficulty below each image.

    The frame of an easy image is blue, that of a hard one vermillion.

    Args:
        rows: With as many images each.
    """
    count = len(rows[0].images)
    width = COLUMN if count <= WIDE else PAGE
    figure = Figure(figsize=(width, len(rows) * (width / count + 0.5)), layout="constrained")
    panels = figure.subplots(len(rows), count, squeeze=False)
    for of_row, row in zip(panels, rows, strict=True):
        for place, axes in enumerate(of_row):
            _draw(axes, row, place)
        of_row[0].set_title(row.title, loc="left")
    return figure


def _draw(axes: Axes, row: ExampleRow, place: int) -> None:
    weight = row.weights[place]
    difficulty = abs(row.difficulties[place])  # an image without any loss has -0.0
    axes.imshow(row.images[place], interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    colour = BLUE if difficulty <= row.threshold else VERMILLION
    axes.spines[:].set(visible=True, color=colour, linewidth=1.4)
    weighted = f"= {weight:.2f}" if weight >= 0.005 or weight == 0 else "< 0.01"
    axes.set_xlabel(f"v {weighted}\n\N{GREEK SMALL LETTER GAMMA} = {difficulty:.2f}", fontsize=7)
