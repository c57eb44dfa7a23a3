"""Checks that turn a data set as read into tensors that can be trusted."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pckd.data.decoding import decode_image, decode_images
from pckd.data.forms.base import Encoded, RawData, RawSplit
from pckd.data.images import Content
from pckd.data.pixels import Flaw
from pckd.data.resident import ImageSet
from pckd.data.words import listed
from pckd.errors import InputError
from pckd.machine import available_memory
from pckd.words import gibibytes

SHARE = 0.8
"""Share of the machine's memory for the pixels of all images: beyond, a process would be killed."""


class Labelled(Protocol):
    """Images whose labels have not been checked."""

    @property
    def names(self) -> Sequence[str] | NDArray[np.str_]:
        """Name of each image in messages, N entries."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """As a `RawSplit` has them."""


def build_content(name: str, where: str, raw: RawData, image_size: int | None) -> Content:
    """Check the labels and decode the images.

    Args:
        name: The data set's name, for messages.
        where: Where it was found, for messages.
        raw: What was read.
        image_size: Height and width in pixels to resize to, or None to keep the size.

    Raises:
        InputError: If a split is empty, a label is out of range, a class has no image, an image
            cannot be decoded, or sizes differ without `image_size`; all are named at once. Or
            the pixels would not fit into memory.
    """
    problems = [
        *label_problems("training", raw.train, raw.class_names),
        *label_problems("test", raw.test, raw.class_names),
    ]
    refuse(name, where, too_large([*raw.train.contents, *raw.test.contents], image_size))
    train, train_problems = _decoded("training", raw.train, image_size)
    test, test_problems = _decoded("test", raw.test, image_size)
    problems += train_problems + test_problems
    if not problems and train.images.shape[1:] != test.images.shape[1:]:
        problems.append(
            f"training images are {_size(train)} and test images {_size(test)}, so set "
            "data.image_size"
        )
    refuse(name, where, problems)
    return Content(train, test, raw.class_names)


def too_large(contents: Sequence[Encoded], image_size: int | None) -> list[str]:
    """Say so if the pixels of all images would not fit into memory; [] if they do.

    Args:
        contents: All images of a data set.
        image_size: Height and width in pixels to resize to, or None to keep the size.
    """
    height, width = (image_size, image_size) if image_size else _first_size(contents)
    needed, there = len(contents) * 3 * height * width, available_memory()
    if needed <= SHARE * there:
        return []
    return [
        f"{len(contents)} images of {height}x{width} pixels take {gibibytes(needed)}, and "
        f"this machine has {gibibytes(there)} of memory: set data.image_size to less"
    ]


def _first_size(contents: Sequence[Encoded]) -> tuple[int, int]:
    """Height and width of the first image that can be decoded, 0 if none can."""
    for content in contents:
        with suppress(Exception):  # what is wrong with it is said when all are decoded
            height, width = decode_image(content, None).shape[:2]
            return height, width
    return 0, 0


def refuse(name: str, where: str, problems: Sequence[str]) -> None:
    """Refuse a data set and name all of its problems; do nothing if it has none.

    Raises:
        InputError: There are problems.
    """
    if problems:
        raise InputError(f"data set '{name}' in {where} cannot be used: {'; '.join(problems)}")


def label_problems(split_name: str, split: Labelled, class_names: Sequence[str]) -> list[str]:
    """Say what is wrong with the labels of a split; [] if nothing is.

    Args:
        split_name: What the images are called in messages: training or test.
        split: Its names, and its labels before they are checked.
        class_names: Of the data set.
    """
    if not len(split.labels):
        return [f"there are no {split_name} images"]
    wrong, counts = _counted(split.labels, len(class_names))
    problems = []
    if wrong.any():
        problems.append(
            f"{split_name} labels outside 0 to {len(class_names) - 1}: "
            + listed([split.names[i] for i in np.flatnonzero(wrong).tolist()])
        )
    if (counts == 0).any():
        problems.append(
            f"classes without a {split_name} image: "
            + listed([class_names[label] for label in np.flatnonzero(counts == 0).tolist()])
        )
    return problems


def flaw_problems(images: str, flawed: Iterable[tuple[str, Flaw]]) -> list[str]:
    """Say which images cannot be used, a sentence for each kind of flaw; [] if all can.

    Args:
        images: What they are called in messages, such as training images.
        flawed: The name of each, and what is wrong with it.
    """
    by_kind: dict[str, list[str]] = {}
    for name, flaw in flawed:
        shown = f"{name} ({flaw.detail})" if flaw.detail else name
        by_kind.setdefault(flaw.kind, []).append(shown)
    return [f"{images} that {kind}: {listed(names)}" for kind, names in by_kind.items()]


def _counted(
    labels: NDArray[np.int64], num_classes: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Find the images with a wrong label, bool [N], and count each class's images, int64 [M]."""
    if labels.ndim == 2:
        return np.zeros(len(labels), dtype=np.bool_), (labels == 1).sum(0)
    wrong = (labels < 0) | (labels >= num_classes)
    return wrong, np.bincount(labels[~wrong], minlength=num_classes)


def _decoded(
    split_name: str, split: RawSplit, image_size: int | None
) -> tuple[ImageSet, list[str]]:
    description = f"decoding {split_name} images"
    pixels, flaws, odd_sized = decode_images(split.contents, image_size, description)
    decoded = ImageSet(torch.from_numpy(pixels), torch.from_numpy(split.labels))
    flawed = [(split.names[position], flaw) for position, flaw in flaws.items()]
    problems = flaw_problems(f"{split_name} images", flawed)
    if odd_sized:
        problems.append(
            f"{split_name} images that are not {_size(decoded)} like the first one, so set "
            "data.image_size: " + listed([split.names[i] for i in odd_sized])
        )
    return decoded, problems


def _size(split: ImageSet) -> str:
    height, width = split.images.shape[-2:]
    return f"{height}x{width}"
