"""The images of one run: what it trains on, what selects, and what is touched once at the end."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

import torch

from pckd.data import ImageSet, hold_out, limit_images, open_data, select_classes
from pckd.training.config import DataConfig

Protocol = Literal["holdout", "paper"]


@dataclass(frozen=True, slots=True)
class RunData:
    """The splits of one run."""

    train: ImageSet
    evaluation: ImageSet
    """Evaluated after every epoch: held-out training images; the test images (protocol paper)."""
    test: ImageSet
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fingerprint: str

    @property
    def num_classes(self) -> int:
        """How many classes the labels count."""
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.images.shape[-2], self.train.images.shape[-1]

    def to(self, device: torch.device) -> "RunData":
        """The same splits on a device."""
        return replace(
            self,
            train=_moved(self.train, device),
            evaluation=_moved(self.evaluation, device),
            test=_moved(self.test, device),
        )


def _moved(images: ImageSet, device: torch.device) -> ImageSet:
    return ImageSet(images.images.to(device), images.labels.to(device))


@lru_cache(maxsize=2)
def prepare_data(config: DataConfig, protocol: Protocol) -> RunData:
    """Open a data set and split it as the protocol asks; the last two stay in memory.

    Raises:
        InputError: The data set is not there, is damaged, or cannot be selected from as asked.
    """
    data = open_data(config.name, config.root, download=config.download)
    if config.classes is not None:
        data = select_classes(data, config.classes)
    if config.images_per_class is not None:
        data = limit_images(data, config.images_per_class)
    train, evaluation = data.train, data.test
    if protocol == "holdout":
        train, evaluation = hold_out(data, config.holdout_fraction, config.holdout_seed)
    return RunData(
        train=train,
        evaluation=evaluation,
        test=data.test,
        class_names=data.class_names,
        mean=data.mean,
        std=data.std,
        fingerprint=data.fingerprint,
    )


@cache
def data_fingerprint(config: DataConfig, protocol: Protocol) -> str:
    """The fingerprint of a run's images.

    Raises:
        InputError: As `prepare_data`.
    """
    return prepare_data(config, protocol).fingerprint
