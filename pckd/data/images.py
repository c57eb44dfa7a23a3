"""Data sets: their splits and what these mean, the hash of the content, channel statistics."""

import hashlib
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from pckd.data.resident import ImageSet
from pckd.data.splits import ImageSplit

Split = TypeVar("Split", bound=ImageSplit, covariant=True)
Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)  # with slots, DataSet[...](...) fails in Python 3.11
class DataSet(Generic[Split]):
    """A data set: what is trained on, what is tested on, and what both mean.

    Attributes:
        name: The name it was opened by.
        train: The training images.
        test: The test images.
        class_names: Names of the classes; the position is the label.
        mean: Mean of the training pixels in 0..1 by channel (R, G, B).
        std: Standard deviation of the training pixels in 0..1 by channel (R, G, B).
        fingerprint: Hexadecimal hash of the pixels, labels and class names, and of what was
            selected from them; of a streamed set, the encoded images stand for pixels, and for
            those that are files of their own, their names and sizes.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: Triple
    std: Triple
    fingerprint: str


ImageData = DataSet[ImageSet]
"""A data set whose pixels lie in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """Content of a data set, without its name and normalisation."""

    train: ImageSet
    test: ImageSet
    class_names: tuple[str, ...]


def content_fingerprint(content: Content) -> str:
    """Return the SHA-256 of shapes, pixels, labels and class names, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(content.class_names).encode())
    for split in (content.train, content.test):
        digest.update(json.dumps(list(split.images.shape)).encode())
        digest.update(split.images.contiguous().numpy().data)
        digest.update(split.labels.contiguous().numpy().data)
    return digest.hexdigest()


def derived_fingerprint(fingerprint: str, selection: str) -> str:
    """Return the fingerprint of a data set of which a part was selected, as described."""
    return hashlib.sha256(f"{fingerprint} {selection}".encode()).hexdigest()


def channel_statistics(images: Tensor) -> tuple[Triple, Triple]:
    """Return mean and standard deviation by channel of uint8 [N, 3, H, W], for pixels in 0..1.

    Both are exact: they come from counts of the 256 values. The deviation is the population's,
    and at least 1/255, so that a constant channel can be divided by it.
    """
    counts = torch.zeros(3, 256, dtype=torch.int64)
    for chunk in torch.split(images, 4096):
        for channel, pixels in enumerate(chunk.unbind(1)):
            counts[channel] += torch.bincount(pixels.flatten(), minlength=256)
    shares = counts.double() / counts.sum(1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64) / 255
    means = shares @ values
    variances = (shares * (values - means[:, None]) ** 2).sum(1)
    return _triple(means), _triple(variances.sqrt().clamp(min=1 / 255))


def _triple(values: Tensor) -> Triple:
    red, green, blue = values.tolist()
    return red, green, blue
