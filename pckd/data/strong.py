"""Strong views: two random operations and a square of grey on top of a crop.

Source: Jin, Wang, Lin, "Multi-level Logit Distillation", CVPR 2023, the authors' code, whose
fourteen operations and ranges are those of `pckd.data.operations`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pckd.data.operations import OPERATIONS
from pckd.data.streams import Purpose, random_stream

COUNT = 2
"""Operations on each image, one after the other."""
LARGEST_SQUARE = 0.5
"""Longest side of the grey square, as a part of the image's width."""
GREY = (125, 123, 114)
"""Red, green and blue of the square."""


class Changes(NamedTuple):
    """Strong changes of some images, on the CPU."""

    operations: Tensor
    """Place of each operation in `OPERATIONS`: int64 [N, 2]."""
    strengths: Tensor
    """Strength of each operation, from 0 to 1: float64 [N, 2]."""
    squares: Tensor
    """Side of the square by the image's width, x and y of its centre by width and height:
    float64 [N, 3]."""

    def at(self, rows: Tensor) -> "Changes":
        """Return the changes of some images, int64 [B] on the CPU."""
        return Changes(*(each[rows] for each in self))


def draw_changes(num_images: int, *, seed: int, epoch: int) -> Changes:
    """Draw what an epoch does to its images; it depends on the arguments alone.

    Raises:
        ValueError: If a number is negative.
    """
    stream = random_stream(seed, Purpose.STRONG_CHANGES, epoch)
    numbers = torch.from_numpy(stream.random((num_images, 2 * COUNT + 3)))
    operations, strengths, squares = numbers.split([COUNT, COUNT, 3], dim=1)
    side = LARGEST_SQUARE * squares[:, :1]
    return Changes(
        (len(OPERATIONS) * operations).long(), strengths, torch.cat([side, squares[:, 1:]], 1)
    )


def changed(images: Tensor, changes: Changes) -> Tensor:
    """Apply the operations to the images, then cover a square with grey.

    Images that share an operation are changed together.

    Args:
        images: uint8 [B, 3, H, W], on any device.
        changes: Of these images.

    Returns:
        uint8 [B, 3, H, W].
    """
    for place in range(COUNT):
        images = images.clone()
        for number in changes.operations[:, place].unique().tolist():
            rows = (changes.operations[:, place] == number).nonzero().flatten()
            strengths = changes.strengths[rows, place].to(images.device)
            rows = rows.to(images.device)
            images[rows] = OPERATIONS[number](images[rows], strengths)
    return _with_square(images, changes.squares.to(images.device))


def _with_square(images: Tensor, squares: Tensor) -> Tensor:
    height, width = images.shape[2:]
    side = squares[:, 0] * width
    in_row = _covered(squares[:, 2] * height, side, height)
    in_column = _covered(squares[:, 1] * width, side, width)
    grey = torch.tensor(GREY, dtype=torch.uint8, device=images.device).view(3, 1, 1)
    is_covered = (in_row[:, :, None] & in_column[:, None, :])[:, None]
    return torch.where(is_covered, grey, images)


def _covered(centre: Tensor, side: Tensor, size: int) -> Tensor:
    """Which pixels of an edge a square covers, its last one included: bool [B, size]."""
    start = (centre - side / 2).long().clamp(min=0)
    places = torch.arange(size, device=centre.device)
    return (places >= start[:, None]) & (places <= (start + side)[:, None])
