"""Separation of the classes in a network's penultimate features, drawn and measured.

Shapes: N images, d width of the features.
"""

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pckd.analysis.numbers.pictures import LookedAt, Matrix

PERPLEXITY = 30.0
SEED = 0
NEIGHBOURS = 5


def perplexity(count: int) -> float:
    """t-SNE's perplexity for N images: 30, or (N - 1) / 3 if that is less."""
    return min(PERPLEXITY, (count - 1) / 3)


def embedding(features: Matrix) -> Matrix:
    """t-SNE in the plane, [N, 2] from [N, d]: by Euclidean distance, from the principal components.

    The same features give the same places: the seed is fixed, and one thread adds up the forces.
    """
    if not features.std(axis=0).any():
        return np.zeros((len(features), 2))  # t-SNE divides by the spread
    method = TSNE(perplexity=perplexity(len(features)), init="pca", random_state=SEED)
    with threadpool_limits(1):
        places: Matrix = method.fit_transform(features)
    return places


def feature_numbers(items: Sequence[LookedAt]) -> pd.DataFrame:
    """One row per network, measured on all d dimensions of the features, not on their t-SNE.

    Returns:
        Columns network, width, images; silhouette (mean, Euclidean, -1 to 1; NaN where each class
        has one image) and neighbours (percent of images whose class most of their five nearest
        other images have; of as many classes, the one of the smallest label counts).
    """
    return pd.DataFrame(
        {
            "network": [item.label for item in items],
            "width": [item.features.shape[1] for item in items],
            "images": [len(item.features) for item in items],
            "silhouette": [_silhouette(item) for item in items],
            "neighbours": [_neighbours(item) for item in items],
        }
    )


def _silhouette(item: LookedAt) -> float:
    if len(np.unique(item.labels)) == len(item.labels):
        return nan
    return float(silhouette_score(item.features, item.labels))


def _neighbours(item: LookedAt) -> float:
    count = min(NEIGHBOURS, len(item.labels) - 1)
    nearest = (
        NearestNeighbors(n_neighbors=count).fit(item.features).kneighbors(return_distance=False)
    )
    votes = stats.mode(item.labels[nearest], axis=1).mode
    return 100 * float((votes == item.labels).mean())
