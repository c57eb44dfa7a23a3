"""A target seen through a frozen network: all that a protocol fits and is measured on."""

import time
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.features import LabelledFeatures, extract_features
from pckd.transfer.target import open_target


@dataclass(frozen=True, slots=True, eq=False)
class FrozenTarget:
    """The features of a target's training and test images."""

    train: LabelledFeatures
    test: LabelledFeatures
    num_classes: int
    """Of the target; each has a training and a test image."""
    data_fingerprint: str
    """Of the target, as selected and resized."""
    device: torch.device
    """Where the features were computed, and where a protocol may compute."""
    seconds: float
    """That computing the features took."""


def frozen_target(
    network: TrainedNetwork, target: DataConfig, device: torch.device
) -> FrozenTarget:
    """See a target through a network, once: the last two stay in memory for other seeds.

    The target's images are resized to the size of the images that the network was trained on
    (32x32 in the papers) and normalised with the mean and standard deviation that it was trained
    with. Both belong to the frozen network: its convolutions and its stored BatchNorm statistics
    know no other scale of objects and of numbers, whatever the target's own statistics are.

    Raises:
        InputError: The network was not trained on square images, or the target cannot be opened.
    """
    height, width = network.image_size
    if height != width:
        raise InputError(
            f"{network.model} of run {network.trial} was trained on {height}x{width} images: "
            "a probe needs a network of square images"
        )
    return _frozen_target(_ByContent(_content(network), network), target, device)


@dataclass(frozen=True, slots=True)
class _ByContent:
    """A network that equals another if it computes the same features."""

    content: tuple[str, ...]
    network: TrainedNetwork = field(compare=False)


def _content(network: TrainedNetwork) -> tuple[str, ...]:
    seen_with = (network.mean, network.std, network.image_size)
    return (network.content_hash(), *map(str, seen_with))


@lru_cache(maxsize=2)
def _frozen_target(key: _ByContent, target: DataConfig, device: torch.device) -> FrozenTarget:
    trained = key.network
    data = open_target(target, trained.image_size[0])
    started = time.perf_counter()
    network = trained.network(device)
    train, test = (
        LabelledFeatures(extract_features(network, split, trained.mean, trained.std), split.labels)
        for split in (data.train, data.test)
    )
    return FrozenTarget(
        train=train,
        test=test,
        num_classes=len(data.class_names),
        data_fingerprint=data.fingerprint,
        device=device,
        seconds=time.perf_counter() - started,
    )
