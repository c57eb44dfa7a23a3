"""Figure 1: heat maps of category centres, one column per network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pckd.analysis.figures.style import COLUMN, PAGE, PALE, broken, styled
from pckd.analysis.numbers.pictures import Matrix

COLOUR_MAP = "RdBu_r"
"""Blue below 0, white at 0, red above: told apart by colour-blind readers."""
MOST_NAMES = 20
"""Classes whose names fit beside a heat map."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMaps:
    """One network."""

    title: str
    centers: Matrix
    """[M, d]."""
    cosines: Matrix
    """[M, M]."""


@styled
def heat_maps_plot(items: Sequence[HeatMaps], class_names: Sequence[str]) -> Figure:
    """Draw the centres above and the cosines of all pairs below, their diagonal of ones in grey.

    Args:
        items: One a network, their classes in the same order.
        class_names: In that order.
    """
    width = COLUMN if len(items) < 3 else PAGE
    figure = Figure(figsize=(width, 0.9 + 1.9 * width / (len(items) + 0.9)), layout="constrained")
    panels = figure.subplots(2, len(items), squeeze=False)
    own = [np.where(np.eye(len(item.cosines)), np.nan, item.cosines) for item in items]
    values = _row(panels[0], [item.centers for item in items], "auto")
    cosines = _row(panels[1], own, "equal")
    for axes, item in zip(panels[0], items, strict=True):
        axes.set_title(broken(item.title, width / (len(items) + 0.9)))
        axes.set_xlabel(f"feature, 1 to {item.centers.shape[1]}", fontsize=7)
    for axes in panels[1]:
        axes.set_facecolor(PALE)  # seen through the diagonal
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    _name_classes(panels[:, 0], panels[1], class_names)
    figure.colorbar(values, ax=panels[0], label="weight", aspect=12, pad=0.02)
    figure.colorbar(cosines, ax=panels[1], label="cosine", aspect=12, pad=0.02)
    return figure


def _row(panels: Sequence[Axes], matrices: Sequence[Matrix], aspect: str) -> AxesImage:
    """Heat maps on one scale, symmetric around 0, that the hundredth largest part may exceed."""
    every = np.abs(np.concatenate([matrix.ravel() for matrix in matrices]))
    limit = float(np.nanquantile(every, 0.99)) or 1.0
    for axes, matrix in zip(panels, matrices, strict=True):
        image = axes.imshow(
            matrix,
            cmap=COLOUR_MAP,
            vmin=-limit,
            vmax=limit,
            aspect="auto" if aspect == "auto" else "equal",
            interpolation="nearest",
        )
    return image


def _name_classes(left: Iterable[Axes], below: Iterable[Axes], names: Sequence[str]) -> None:
    places = range(len(names))
    if len(names) > MOST_NAMES:
        for axes in left:
            axes.set_ylabel(f"{len(names)} classes")
        return
    for axes in left:
        axes.set_yticks(places, names, fontsize=6)
        axes.tick_params(axis="y", length=0)
    for axes in below:
        axes.set_xticks(places, names, fontsize=6, rotation=90)
        axes.tick_params(axis="x", length=0)
