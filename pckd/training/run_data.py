"""Images of one run: those it trains on, those that select, and the test images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import torch

from pckd.data import (
    DataSet,
    ImageSplit,
    derived_fingerprint,
    hold_out,
    is_multi_label,
    is_streamed,
    limit_images,
    listed,
    open_data,
    open_streamed,
    select_classes,
)
from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork

Protocol = Literal["holdout", "paper"]

SAME_NORMALISATION = 0.01
"""Largest difference of two means or deviations of pixels in 0..1 that changes no answer of a
network: two and a half of 255 greys. Published and computed values of one data set differ by
less.
"""


@dataclass(frozen=True, slots=True)
class RunData:
    """The splits of one run."""

    train: ImageSplit
    evaluation: ImageSplit
    """Evaluated after every epoch: held-out training images; the test images (protocol paper)."""
    test: ImageSplit
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fingerprint: str
    """Fingerprint of the data set with all its splits."""
    train_fingerprint: str
    """Fingerprint of the training images, which are fewer under protocol holdout."""
    notices: tuple[str, ...] = ()
    """Notices for the user about the selection."""

    @property
    def num_classes(self) -> int:
        """Number of classes of the labels."""
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.image_size

    def to(self, device: torch.device) -> "RunData":
        """The same splits on a device."""
        return replace(
            self,
            train=self.train.to(device),
            evaluation=self.evaluation.to(device),
            test=self.test.to(device),
        )


@lru_cache(maxsize=2)
def prepare_data(config: DataConfig, protocol: Protocol) -> RunData:
    """Open a data set and split it as the protocol asks; the last two stay open.

    Raises:
        InputError: The data set is not there, is damaged, or cannot be selected from as asked; or
            fewer than two classes are left.
    """
    data, notices = _open(config), []
    if config.classes is not None:
        data = select_classes(data, config.classes)
        notices = [f"classes {listed(config.classes)} are named {listed(data.class_names)}"]
    if len(data.class_names) < 2:
        raise InputError(
            f"data set '{config.name}' has one class, {data.class_names[0]}: a classifier needs two"
        )
    if config.images_per_class is not None:
        data = limit_images(data, config.images_per_class)
    train, evaluation, train_fingerprint = data.train, data.test, data.fingerprint
    if protocol == "holdout":
        train, evaluation = hold_out(data, config.holdout_fraction, config.holdout_seed)
        left = f"without {config.holdout_fraction}, seed {config.holdout_seed}"
        train_fingerprint = derived_fingerprint(data.fingerprint, left)
    return RunData(
        train=train,
        evaluation=evaluation,
        test=data.test,
        class_names=data.class_names,
        mean=data.mean,
        std=data.std,
        fingerprint=data.fingerprint,
        train_fingerprint=train_fingerprint,
        notices=tuple(notices),
    )


def check_class_count(num_classes: int, data: RunData, network: str) -> None:
    """Raise if the network has another number of classes than the images.

    Args:
        num_classes: Of the network.
        data: The images.
        network: What the network is called in the message.

    Raises:
        InputError: The numbers differ.
    """
    if num_classes != data.num_classes:
        raise InputError(
            f"{network} tells {num_classes} classes apart, but the images as selected have "
            f"{data.num_classes}: set data.classes, or choose another network"
        )


def check_classes(class_names: Sequence[str], data: RunData, network: str) -> None:
    """Raise if the network was trained on other class names, or in another order.

    Args:
        class_names: Of the network.
        data: The images.
        network: What the network is called in the message.

    Raises:
        InputError: The classes differ in number, names or order; the first that does is named.
    """
    check_class_count(len(class_names), data, network)
    for label, (ours, theirs) in enumerate(zip(data.class_names, class_names, strict=True)):
        if ours != theirs:
            raise InputError(
                f"{network} was trained on other classes than the images have: its class {label} "
                f"is '{theirs}', that of the images is '{ours}'"
            )


def check_shown(network: TrainedNetwork, data: RunData, name: str) -> None:
    """Raise if the network was trained on images of another size or normalisation.

    Args:
        network: Trained here or elsewhere.
        data: The images that it is to see.
        name: What the network is called in the message.

    Raises:
        InputError: Size, mean or standard deviation differ.
    """
    if tuple(network.image_size) != tuple(data.image_size):
        known, shown = ("x".join(map(str, size)) for size in (network.image_size, data.image_size))
        raise InputError(
            f"{name} knows images of {known} pixels, but the run's are {shown}: set "
            "data.image_size, or choose another network"
        )
    values = zip((*network.mean, *network.std), (*data.mean, *data.std), strict=True)
    if any(abs(one - other) > SAME_NORMALISATION for one, other in values):
        raise InputError(
            f"{name} knows images of mean {_rounded(network.mean)} and deviation "
            f"{_rounded(network.std)}, but the run's are normalised with {_rounded(data.mean)} "
            f"and {_rounded(data.std)}: name the data set that it was trained on, or choose "
            "another network"
        )


def shown_to(network: TrainedNetwork, config: DataConfig, say: Callable[[str], None]) -> DataConfig:
    """Resize the images to the network's size, unless the configuration names another.

    Args:
        network: Trained here or elsewhere.
        config: The images that it is to see.
        say: Is told that a size differs.

    Raises:
        InputError: The network knows oblong images, and these have another size.
    """
    height, width = network.image_size
    if config.image_size is None and not is_streamed(config.name) and height == width:
        return config.model_copy(update={"image_size": height})
    size = prepare_data(config, "paper").image_size
    if size == (height, width):
        return config
    shown = f"images of {height}x{width} pixels, and these are {size[0]}x{size[1]}"
    if config.image_size is None:
        raise InputError(f"the network was trained on {shown}: set data.image_size")
    say(f"the network was trained on {shown}, as data.image_size says")
    return config


def _rounded(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _open(config: DataConfig) -> DataSet[ImageSplit]:
    if is_multi_label(config.name):
        raise InputError(
            f"images of {config.name} show several classes each: it can be a probe's target, but "
            "no network of pckd is trained or evaluated on it"
        )
    if is_streamed(config.name) and config.image_size is None:
        return open_streamed(
            config.name,
            config.root,
            download=config.download,
            loader_workers=config.loader_workers,
        )
    return open_data(
        config.name, config.root, download=config.download, image_size=config.image_size
    )
