"""Splits whose pixels lie in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pckd.data.batches import split_batches
from pckd.data.splits import Batch, TrainingBatch, TrainingPass
from pckd.data.streams import Purpose
from pckd.data.strong import changed, draw_changes
from pckd.data.views import count_views, crop_and_flip, draw_crops, draw_views, number_views


class StrongViews:
    """The second, strongly changed view of each image in one pass.

    Args:
        images: uint8 [N, 3, H, W], on any device.
        training: The pass.
    """

    def __init__(self, images: Tensor, training: TrainingPass) -> None:
        self.images = images
        self.crop_padding = training.crop_padding
        self.offsets, self.flips = draw_crops(
            len(images),
            seed=training.seed,
            epoch=training.epoch,
            crop_padding=training.crop_padding,
            flip=training.flip,
            purposes=(Purpose.STRONG_OFFSETS, Purpose.STRONG_FLIPS),
        )
        self.changes = draw_changes(len(images), seed=training.seed, epoch=training.epoch)

    def at(self, positions: Tensor) -> Tensor:
        """Return the views of the images at the positions (int64 [B], on the CPU)."""
        device = self.images.device
        cropped = crop_and_flip(
            self.images[positions.to(device)],
            self.offsets[positions].to(device),
            self.flips[positions].to(device),
            self.crop_padding,
        )
        return changed(cropped, self.changes.at(positions))


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """One split of a data set, resident in memory: an `ImageSplit`.

    Attributes:
        images: Pixels, uint8 [N, 3, H, W].
        labels: Class indices, int64 [N]; of a multi-label data set int64 [N, M], 1 where a class
            is there, 0 where it is not, -1 where it is not counted.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[-2], self.images.shape[-1]

    def at(self, positions: Tensor) -> "ImageSet":
        """Return the images at the positions (int64 [K]), in that order."""
        return ImageSet(self.images[positions], self.labels[positions])

    def relabelled(self, labels: Tensor) -> "ImageSet":
        """Return the same images with other labels, int64 [N]."""
        return ImageSet(self.images, labels)

    def to(self, device: torch.device) -> "ImageSet":
        """Return the same images on a device; nothing is copied if they lie there."""
        return ImageSet(self.images.to(device), self.labels.to(device))

    def views_per_image(self, crop_padding: int, *, flip: bool) -> int:
        """Count the crops of an image, mirrored ones included; see `ImageSplit`."""
        return count_views(crop_padding, flip=flip)

    def training_batches(self, training: TrainingPass) -> Iterator[TrainingBatch]:
        """Give random crops of the padded images, half of them mirrored; see `ImageSplit`."""
        device = self.images.device
        draws = draw_views(
            len(self),
            seed=training.seed,
            epoch=training.epoch,
            crop_padding=training.crop_padding,
            flip=training.flip,
        )
        numbers = number_views(draws, training.crop_padding, flip=training.flip)
        order, offsets, flips = (
            drawn.to(device) for drawn in (draws.order, draws.offsets, draws.flips)
        )
        strong = StrongViews(self.images, training) if training.strong else None
        batches = zip(
            split_batches(order, training.batch_size),
            split_batches(draws.order, training.batch_size),
            strict=True,
        )
        share = slice(training.rank, None, training.size)
        for rows, positions in ((batch[share], order[share]) for batch, order in batches):
            cropped = crop_and_flip(
                self.images[rows], offsets[rows], flips[rows], training.crop_padding
            )
            yield TrainingBatch(
                cropped,
                self.labels[rows],
                rows,
                numbers[positions],
                None if strong is None else strong.at(positions),
            )

    def evaluation_batches(self, batch_size: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Give the images as they are; see `ImageSplit`."""
        rows = torch.arange(len(self), device=self.images.device)[rank::size]
        for batch in rows.split(batch_size):
            yield self.images[batch], self.labels[batch]
