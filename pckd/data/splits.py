"""Interface of a split of a data set, whether its pixels are in memory or in files.

Shapes: N images in the split, B in a batch, H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from pckd.data.batches import count_batches, split_batches

Batch = tuple[Tensor, Tensor]
"""Pixels, uint8 [B, 3, H, W], and labels, int64 [B], on the split's device."""


class TrainingBatch(NamedTuple):
    """Images and labels of one training step."""

    images: Tensor
    """Pixels, cropped and mirrored: uint8 [B, 3, H, W], on the split's device."""
    labels: Tensor
    """Class indices: int64 [B], on the split's device."""
    indices: Tensor
    """Position of each image in the split: int64 [B], on the split's device."""
    view_numbers: Tensor | None
    """Which of the split's finitely many views these are, see `number_views`: int64 [B], on the
    CPU. None where an image has more views than one can count."""
    strong_images: Tensor | None = None
    """Pixels of a second, strongly changed view of each image, where the pass asks for it: uint8
    [B, 3, H, W], on the split's device."""

    def split(self, size: int) -> "list[TrainingBatch]":
        """Cut it into parts of `size` images; the last may have fewer, see `split_batches`."""
        count = count_batches(len(self.labels), size)
        parts = (
            [None] * count if values is None else split_batches(values, size) for values in self
        )
        return [TrainingBatch(*part) for part in zip(*parts, strict=True)]


@dataclass(frozen=True, slots=True)
class TrainingPass:
    """One pass over the training images, or the share of it that one of several ranks sees.

    Attributes:
        seed: The seed of the run, 0 or greater.
        epoch: The epoch, 0 or greater.
        batch_size: Images of a batch, over all ranks; see `split_batches` for the last one.
        crop_padding: Pixels of black around an image before it is cropped; images that are
            streamed are cropped by share of their area instead.
        flip: Whether to mirror each image with probability one half.
        strong: Whether each image is shown a second time, cropped and mirrored anew and strongly
            changed.
        rank: Which of the ranks this is, 0 to size - 1.
        size: How many ranks share each batch.
    """

    seed: int
    epoch: int
    batch_size: int
    crop_padding: int
    flip: bool
    strong: bool = False
    rank: int = 0
    size: int = 1


class ImageSplit(Protocol):
    """Labelled images, in batches on a device."""

    @property
    def labels(self) -> Tensor:
        """Class indices, int64 [N]."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the batches' images in pixels."""

    def __len__(self) -> int:
        """Return the number of images."""

    def at(self, positions: Tensor) -> Self:
        """Return the images at the positions (int64 [K]), in that order."""

    def relabelled(self, labels: Tensor) -> Self:
        """Return the same images with other labels, int64 [N]."""

    def to(self, device: torch.device) -> Self:
        """Return the same images, their batches on a device."""

    def views_per_image(self, crop_padding: int, *, flip: bool) -> int | None:
        """Count the views of an image, without its rotations; None if they are not finite."""

    def training_batches(self, training: TrainingPass) -> Iterator[TrainingBatch]:
        """Crop and mirror the images in a random order, as the pass alone decides.

        The order, and what is done to an image, depend on the seed, the epoch and the image's
        position only: the ranks of one pass see the images that a single process would.
        """

    def evaluation_batches(self, batch_size: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Yield this rank's share of the images, without augmentation.

        Args:
            batch_size: Images of a batch, at most.
            rank: Which of the ranks this is, 0 to size - 1.
            size: How many ranks share the images.
        """
