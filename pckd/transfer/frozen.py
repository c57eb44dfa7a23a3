"""Features of a target in a frozen network: the data that a protocol fits and measures.

Features are computed once and kept in the cache of decoded images (`PCKD_CACHE`), in a file that
`torch.load` reads: `train` (float32 [V, N, d] for V renderings of N images), `train_labels`, `test`
(float32 [N, d]), `test_labels` and `seconds`.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pckd.data import ImageData
from pckd.data.cache_file import entry_path, load_entry, locked, store_entry
from pckd.errors import InputError
from pckd.training.code import code_of
from pckd.training.config import DataConfig
from pckd.training.evaluation import BATCH
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.features import LabelledFeatures, extract_features
from pckd.transfer.showing import WHOLE, Showing
from pckd.transfer.target import open_target

SHOWING_VERSION = 1
"""Part of the cache's key: raise it when crops, or the computation of features, change."""


@dataclass(frozen=True, slots=True, eq=False)
class FrozenTarget:
    """The features of a target's training and test images."""

    renderings: tuple[LabelledFeatures, ...]
    """Features of the training images: whole images, or one draw of crops after another."""
    test: LabelledFeatures
    num_classes: int
    """Number of classes of the target; each has a training and a test image."""
    data_fingerprint: str
    """Fingerprint of the target, as selected and resized."""
    device: torch.device
    """Device on which the features were computed, and on which a protocol may compute."""
    seconds: float
    """Seconds spent computing the features."""
    file: str
    """Name of the cache's file that keeps them."""

    @property
    def train(self) -> LabelledFeatures:
        """Training images in their first rendering."""
        return self.renderings[0]


def frozen_target(
    network: TrainedNetwork, target: DataConfig, device: torch.device, showing: Showing = WHOLE
) -> FrozenTarget:
    """Compute a target's features in a network, or take them from the cache.

    The target's images are resized to the size of the images that the network was trained on
    (32x32 in the papers), or to the target's `image_size`, and normalised with the mean and
    standard deviation that it was trained with. Both belong to the frozen network: its convolutions
    and its stored BatchNorm statistics know no other scale of objects and of numbers, whatever the
    target's own statistics are. A showing may say otherwise.

    Raises:
        InputError: The network was not trained on square images, or the target cannot be opened.
    """
    size = shown_size(network.image_size, target)
    data = open_target(target, showing.held_size(size))
    look = _Look(network, data, showing, size, device)
    stored = load_entry(look.entry) or look.compute_once()
    train, train_labels = stored["train"], stored["train_labels"]
    return FrozenTarget(
        renderings=tuple(LabelledFeatures(features, train_labels) for features in train),
        test=LabelledFeatures(stored["test"], stored["test_labels"]),
        num_classes=len(data.class_names),
        data_fingerprint=data.fingerprint,
        device=device,
        seconds=stored["seconds"],
        file=look.entry.name,
    )


def seen_content(network: TrainedNetwork) -> str:
    """SHA-256 of a network's weights and of how it is shown images, in hexadecimal."""
    seen_with = (network.mean, network.std, network.image_size)
    return hashlib.sha256(f"{network.content_hash()} {seen_with}".encode()).hexdigest()


def shown_size(image_size: Sequence[int], target: DataConfig) -> int:
    """Height and width at which a network sees a target's images.

    Args:
        image_size: Height and width of the images that it was trained on.
        target: Its `image_size` comes first.

    Raises:
        InputError: The network was not trained on square images, and the target names no size.
    """
    height, width = image_size
    if target.image_size is None and height != width:
        raise InputError(
            f"a network of {height}x{width} images cannot be probed as it is: set the target's "
            "image_size"
        )
    return target.image_size or height


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A network applied to one target."""

    network: TrainedNetwork
    data: ImageData
    showing: Showing
    size: int
    device: torch.device

    @property
    def entry(self) -> Path:
        """The file of the cache: named by all that the features depend on."""
        code = code_of(networks=[self.network.model])
        network = (seen_content(self.network), code, self.device.type)
        computed = (SHOWING_VERSION, torch.__version__)
        shown = (self.size, self.showing.crops, self.normalisation)
        return entry_path("features", [network, computed, self.data.fingerprint, shown])

    @property
    def normalisation(self) -> tuple[list[float], list[float]]:
        own = (self.network.mean, self.network.std)
        mean, std = self.showing.normalisation.get(self.data.name, own)
        return list(mean), list(std)

    def compute_once(self) -> dict[str, Any]:
        """Compute and keep the features; one process computes while others wait."""
        with locked(self.entry):
            stored = load_entry(self.entry)
            if stored is None:
                stored = self._compute()
                store_entry(self.entry, stored)
        return stored

    def _compute(self) -> dict[str, Any]:
        started = time.perf_counter()
        network, showing = self.network.network(self.device), self.showing
        train, test = self.data.train, self.data.test

        def features(batches: Iterator[Tensor]) -> Tensor:
            return extract_features(network, batches, *self.normalisation)

        looks = [
            features(showing.training(self._batches(train.images), self.size, rendering))
            for rendering in range(showing.renderings)
        ]
        return {
            "train": torch.stack(looks),
            "train_labels": train.labels,
            "test": features(showing.test(self._batches(test.images), self.size)),
            "test_labels": test.labels,
            "seconds": time.perf_counter() - started,
        }

    def _batches(self, images: Tensor) -> Iterator[Tensor]:
        return (batch.to(self.device) for batch in images.split(BATCH))
