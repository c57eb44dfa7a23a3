"""Parts of a data set: some classes, some images of each class, and a held-out part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from pckd.data.images import DataSet, derived_fingerprint
from pckd.data.splits import ImageSplit
from pckd.data.streams import Purpose, random_stream
from pckd.errors import InputError

Split = TypeVar("Split", bound=ImageSplit)


def select_classes(data: DataSet[Split], classes: Sequence[int]) -> DataSet[Split]:
    """Keep some classes, relabelled 0 to k - 1 in the order given.

    The images keep their order, and the channel statistics stay those of the whole set.

    Args:
        data: The data set.
        classes: k different labels of it.

    Returns:
        A data set of k classes with a fingerprint of its own.

    Raises:
        InputError: If there is no class, a class is out of range, or one is repeated.
    """
    labels = [int(label) for label in classes]
    _check_classes(data, labels)
    new_label = torch.full((len(data.class_names),), -1)
    new_label[labels] = torch.arange(len(labels))
    return replace(
        data,
        train=_relabelled(data.train, new_label),
        test=_relabelled(data.test, new_label),
        class_names=tuple(data.class_names[label] for label in labels),
        fingerprint=derived_fingerprint(data.fingerprint, f"classes {labels}"),
    )


def limit_images(data: DataSet[Split], images_per_class: int) -> DataSet[Split]:
    """Keep the first training images of each class; the test images stay.

    Args:
        data: The data set.
        images_per_class: How many training images to keep of each class, 1 or more.

    Returns:
        A data set with a fingerprint of its own, the training images in their old order.

    Raises:
        InputError: If the number is below 1, or a class has fewer training images.
    """
    if images_per_class < 1:
        raise InputError(f"images per class must be 1 or more, got {images_per_class}")
    counts = torch.bincount(data.train.labels, minlength=len(data.class_names))
    if int(counts.min()) < images_per_class:
        scarce = int(counts.argmin())
        raise InputError(
            f"cannot keep {images_per_class} images per class of data set '{data.name}': class "
            f"'{data.class_names[scarce]}' has {int(counts[scarce])} training images"
        )
    kept = _rank_within_class(data.train.labels) < images_per_class
    return replace(
        data,
        train=data.train.at(kept.nonzero().flatten()),
        fingerprint=derived_fingerprint(data.fingerprint, f"images per class {images_per_class}"),
    )


def hold_out(data: DataSet[Split], fraction: float, seed: int) -> tuple[Split, Split]:
    """Split the training images into a part to train on and a held-out part.

    Of each class the same fraction is held out, rounded to the nearest image. The split depends
    on the labels, the fraction and the seed alone.

    Args:
        data: The data set; its test images are not touched.
        fraction: The share to hold out, between 0 and 1.
        seed: The seed of the draw, 0 or greater.

    Returns:
        The training part and the held-out part, both in the old order.

    Raises:
        InputError: If the fraction is not between 0 and 1, the seed is negative, or a class
            would be left without an image on one side.
    """
    if not 0 < fraction < 1:
        raise InputError(f"the held-out fraction must lie between 0 and 1, got {fraction}")
    if seed < 0:
        raise InputError(f"the seed of the held-out split must be 0 or greater, got {seed}")
    labels = data.train.labels.numpy()
    counts = np.bincount(labels, minlength=len(data.class_names))
    held_counts = _held_counts(counts, fraction)
    poor = np.flatnonzero((held_counts < 1) | (held_counts >= counts))
    if len(poor):
        raise InputError(
            f"cannot hold out {fraction} of data set '{data.name}': class "
            f"'{data.class_names[poor[0]]}' has {counts[poor[0]]} training images, and each class "
            "needs one on both sides"
        )
    kept, held = stratified_split(labels, fraction, random_stream(seed, Purpose.HOLD_OUT))
    return data.train.at(torch.from_numpy(kept)), data.train.at(torch.from_numpy(held))


def stratified_split(
    labels: np.ndarray, fraction: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the same fraction of each class, and return positions kept and drawn, ascending.

    Args:
        labels: Class indices, int64 [N].
        fraction: The share to draw of each class, rounded to the nearest image.
        generator: What the draw is taken from.
    """
    drawn = np.zeros(len(labels), dtype=bool)
    for label, held_count in enumerate(_held_counts(np.bincount(labels), fraction)):
        of_class = np.flatnonzero(labels == label)
        drawn[generator.permutation(of_class)[:held_count]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def _held_counts(counts: np.ndarray, fraction: float) -> np.ndarray:
    return np.floor(counts * fraction + 0.5).astype(np.int64)


def _check_classes(data: DataSet[ImageSplit], classes: Sequence[int]) -> None:
    num_classes = len(data.class_names)
    if not classes:
        raise InputError(f"no class selected of data set '{data.name}': name at least one")
    for label in classes:
        if not 0 <= label < num_classes:
            raise InputError(
                f"class {label} is out of range: data set '{data.name}' has classes 0 to "
                f"{num_classes - 1}"
            )
    repeated = sorted({label for label in classes if classes.count(label) > 1})
    if repeated:
        raise InputError(f"class {repeated[0]} is selected more than once: name each class once")


def _relabelled(split: Split, new_label: Tensor) -> Split:
    """Keep the images whose new label is not -1."""
    labels = new_label[split.labels]
    kept = (labels >= 0).nonzero().flatten()
    return split.at(kept).relabelled(labels[kept])


def _rank_within_class(labels: Tensor) -> Tensor:
    """Return for each image how many images of its class stand before it: int64 [N]."""
    by_class = torch.argsort(labels, stable=True)
    counts = torch.bincount(labels)
    first_of_class = (counts.cumsum(0) - counts)[labels[by_class]]
    ranks = torch.empty_like(labels)
    ranks[by_class] = torch.arange(len(labels)) - first_of_class
    return ranks
