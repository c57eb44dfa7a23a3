"""Protocol `exact`: multinomial logistic regression by L-BFGS to convergence.

The optimum is unique, so there is no learning rate, schedule or initial weight to choose: the seed
draws the held-out tenth on which the weight decay is chosen, and nothing else.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pckd.data.selection import stratified_split
from pckd.data.streams import Purpose, random_stream
from pckd.errors import InputError, RunError
from pckd.transfer.features import LabelledFeatures
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead
from pckd.transfer.showing import WHOLE

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

WEIGHT_DECAYS = tuple(10 ** (-step / 2) for step in range(13))
"""Weight decays tried on standardised features: 1 to 1e-6, two a decade."""
HELD_OUT = 0.1
"""Share of each class's training images on which the weight decay is chosen."""
TOLERANCE = 1e-6
"""A fit has converged when no derivative of its objective is larger than this."""
ITERATIONS = (1_000, 4_000, 15_000)
"""L-BFGS iterations; a fit that has not converged goes on with the next number."""
SHOWING = WHOLE


def fit(target: FrozenTarget, seed: int) -> LinearHead:
    """Choose the weight decay on a stratified held-out tenth, then fit all training images.

    Of a multi-label target each class is a logistic regression of its own, class against rest, on
    the images that are counted for it; all have the same weight decay.

    Raises:
        InputError: A class has too few training images to hold one out.
        RunError: A fit does not converge.
    """
    problems = list(_problems(target.train))
    weight_decay = choose_weight_decay([_split(problem, seed) for problem in problems])
    heads = [next(fit_path(problem, (weight_decay,))) for problem in problems]
    return heads[0] if target.train.labels.ndim == 1 else _class_against_rest(heads)


def choose_weight_decay(splits: Sequence[tuple[LabelledFeatures, LabelledFeatures]]) -> float:
    """Choose the weight decay with the lowest cross entropy on the held-out images.

    Not with the highest accuracy: a tenth of a small target is some dozens of images, among which
    many weight decays are equally accurate. The grid is walked from the strongest decay until the
    cross entropy rises: what follows overfits more, and takes longest.

    Args:
        splits: Kept and held-out images of each problem; cross entropies are added.

    Raises:
        RunError: A fit does not converge.
    """
    chosen, lowest = WEIGHT_DECAYS[0], math.inf
    for heads in zip(*(fit_path(kept, WEIGHT_DECAYS) for kept, _ in splits), strict=True):
        loss = sum(head.cross_entropy(held) for head, (_, held) in zip(heads, splits, strict=True))
        if loss > lowest:
            break
        chosen, lowest = heads[0].weight_decay, loss
    return chosen


def fit_path(train: LabelledFeatures, weight_decays: Sequence[float]) -> Iterator[LinearHead]:
    """Fit standardised features with one weight decay after another.

    Each fit starts at the one before: from the strongest to the weakest decay that is quick, and
    it changes no result, since each optimum is unique. The heads take features as they are.

    Args:
        train: Every class among them.
        weight_decays: lambda in: mean cross entropy + lambda / 2 * squared norm of the weights.
            The biases are not decayed; of two classes, the difference of the two rows is, as
            scikit-learn does.

    Raises:
        RunError: A fit does not converge.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    features, labels = scaler.fit_transform(train.features.double().numpy()), train.labels.numpy()
    model = LogisticRegression(tol=TOLERANCE, warm_start=True)
    for weight_decay in weight_decays:
        model.set_params(C=1 / (weight_decay * len(labels)))
        _fit_to_convergence(model, features, labels, weight_decay)
        weight, bias = _by_class(model.coef_), _by_class(model.intercept_)
        weight = weight / scaler.scale_
        yield LinearHead(
            torch.from_numpy(weight), torch.from_numpy(bias - weight @ scaler.mean_), weight_decay
        )


def _problems(train: LabelledFeatures) -> Iterator[LabelledFeatures]:
    """Split into problems: one of all classes, or for multi-label targets one for each class."""
    if train.labels.ndim == 1:
        yield train
        return
    for labels in train.labels.unbind(1):
        counted = labels >= 0
        yield LabelledFeatures(train.features[counted], labels[counted])


def _class_against_rest(heads: Sequence[LinearHead]) -> LinearHead:
    """Merge heads of two classes each into one head that scores each class against the rest."""
    return LinearHead(
        torch.stack([head.weight[1] - head.weight[0] for head in heads]),
        torch.stack([head.bias[1] - head.bias[0] for head in heads]),
        heads[0].weight_decay,
    )


def _split(train: LabelledFeatures, seed: int) -> tuple[LabelledFeatures, LabelledFeatures]:
    stream = random_stream(seed, Purpose.HOLD_OUT)
    kept, held = (
        train.at(torch.from_numpy(positions))
        for positions in stratified_split(train.labels.numpy(), HELD_OUT, stream)
    )
    if len(held.labels.unique()) < len(train.labels.unique()):
        raise InputError(
            "protocol exact holds out a tenth of the target's training images, so each class needs "
            "5 or more: raise images_per_class, or take another protocol"
        )
    return kept, held


def _fit_to_convergence(
    model: "LogisticRegression", features: np.ndarray, labels: np.ndarray, weight_decay: float
) -> None:
    from sklearn.exceptions import ConvergenceWarning

    for iterations in ITERATIONS:
        model.set_params(max_iter=iterations)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(features, labels)
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            return
    raise RunError(
        f"the probe's logistic regression with weight decay {weight_decay:g} did not converge in "
        f"{sum(ITERATIONS)} iterations: this network's features do not suit protocol exact"
    )


def _by_class(values: np.ndarray) -> np.ndarray:
    """Give each class its own row; of two classes, scikit-learn keeps the second's scores only."""
    return values if len(values) > 1 else np.concatenate([-values, values]) / 2
