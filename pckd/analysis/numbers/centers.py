"""Geometry of the category centres of networks, and how alike it is between networks.

Shapes: M classes, d width of the features.
"""

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from pckd.analysis.numbers.pictures import LookedAt, Matrix

TINY = 1e-12


def cosines(centers: Matrix) -> Matrix:
    """Cosine similarity of each pair of centres: [M, M] from [M, d]."""
    unit = _unit(centers)
    found: Matrix = unit @ unit.T
    return found


def center_numbers(items: Sequence[LookedAt]) -> pd.DataFrame:
    """One row per network: how far its centres are apart, and how alike they are to the teacher's.

    Returns:
        Columns network, width; nearest_cosine (of a centre with the nearest of another class, mean
        over classes), correlation (of the cosines of all pairs of classes with the first
        teacher's, Pearson's r) and same_class_cosine (of a centre with the teacher's, mean over
        classes; of equal widths only). NaN where there is nothing to compare with.
    """
    teacher = next((item for item in items if item.is_teacher), None)
    return pd.DataFrame(
        {
            "network": [item.label for item in items],
            "width": [item.centers.shape[1] for item in items],
            "nearest_cosine": [_nearest(item) for item in items],
            "correlation": [_correlation(item, teacher) for item in items],
            "same_class_cosine": [_same_class(item, teacher) for item in items],
        }
    )


def class_order(centers: Matrix) -> NDArray[np.int64]:
    """Order the classes by average linkage, so that similar centres are adjacent: [M]."""
    if len(centers) < 3:
        return np.arange(len(centers))
    distances = squareform(1 - cosines(centers), checks=False).clip(min=0)
    tree = linkage(distances, "average", optimal_ordering=len(centers) <= 200)
    order: NDArray[np.int64] = leaves_list(tree).astype(np.int64)
    return order


def _nearest(item: LookedAt) -> float:
    others = cosines(item.centers)
    np.fill_diagonal(others, -np.inf)
    return float(others.max(axis=1).mean())


def _pairs(item: LookedAt) -> Matrix:
    """The cosines of all pairs of different classes: [M (M - 1) / 2]."""
    found: Matrix = cosines(item.centers)[np.triu_indices(len(item.centers), 1)]
    return found


def _correlation(item: LookedAt, teacher: LookedAt | None) -> float:
    if teacher is None or item is teacher:
        return nan
    mine, theirs = _pairs(item), _pairs(teacher)
    if min(mine.std(), theirs.std()) < TINY:
        return nan
    return float(np.corrcoef(mine, theirs)[0, 1])


def _same_class(item: LookedAt, teacher: LookedAt | None) -> float:
    if teacher is None or item is teacher or item.centers.shape != teacher.centers.shape:
        return nan
    return float(np.sum(_unit(item.centers) * _unit(teacher.centers), axis=1).mean())


def _unit(centers: Matrix) -> Matrix:
    lengths = np.linalg.norm(centers.astype(np.float64), axis=1, keepdims=True)
    unit: Matrix = centers / np.maximum(lengths, TINY)
    return unit
