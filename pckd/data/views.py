"""Seeded views of images: random crop, horizontal flip and four rotations, rendered in batches.

What is drawn is kept apart from how it is rendered. The draws of an epoch depend on the seed and
the epoch alone, so all trials with one seed see the same views and differ by their settings only.

Shapes: N images in the set, B in the batch, R rotations, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from pckd.data.streams import Purpose, random_stream


@dataclass(frozen=True, slots=True)
class ViewDraws:
    """Random draws of one epoch, on the CPU, indexed by the image's position in the set.

    Attributes:
        order: The order in which images are visited, a permutation: int64 [N].
        offsets: Row and column of the crop's top-left corner in the padded image,
            0 to 2 * crop_padding: int64 [N, 2].
        flips: Whether the crop is mirrored from left to right: bool [N].
    """

    order: Tensor
    offsets: Tensor
    flips: Tensor


def draw_views(
    num_images: int, *, seed: int, epoch: int, crop_padding: int, flip: bool
) -> ViewDraws:
    """Draw the visiting order, the crops and the flips of one epoch.

    The three come from independent streams: changing the padding or switching flips off leaves
    the order as it was. The draws depend on the arguments alone, never on a global generator.

    Args:
        num_images: N, the number of images in the set.
        seed: The seed of the run, 0 or greater.
        epoch: The epoch, 0 or greater.
        crop_padding: Pixels added on each side before cropping; the offsets are uniform.
        flip: Whether to mirror each image with probability one half.

    Raises:
        ValueError: If a number is negative.
    """
    order = draw_order(num_images, seed=seed, epoch=epoch)
    offsets, flips = draw_crops(
        num_images, seed=seed, epoch=epoch, crop_padding=crop_padding, flip=flip
    )
    return ViewDraws(order, offsets, flips)


def draw_crops(
    num_images: int,
    *,
    seed: int,
    epoch: int,
    crop_padding: int,
    flip: bool,
    purposes: tuple[Purpose, Purpose] = (Purpose.CROP_OFFSETS, Purpose.FLIPS),
) -> tuple[Tensor, Tensor]:
    """Draw the offsets and the flips of `ViewDraws`.

    Args:
        num_images: N.
        seed: As in `draw_views`.
        epoch: Likewise.
        crop_padding: Likewise.
        flip: Likewise.
        purposes: What the offsets and the flips are drawn for.
    """
    offsets = random_stream(seed, purposes[0], epoch).integers(
        0, 2 * crop_padding, size=(num_images, 2), endpoint=True
    )
    flips = random_stream(seed, purposes[1], epoch).random(num_images) < (0.5 if flip else 0.0)
    return torch.from_numpy(offsets), torch.from_numpy(flips)


def draw_order(num_images: int, *, seed: int, epoch: int) -> Tensor:
    """Draw the order in which an epoch visits N images: a permutation, int64 [N].

    Raises:
        ValueError: If a number is negative.
    """
    stream = random_stream(seed, Purpose.VISIT_ORDER, epoch)
    return torch.from_numpy(stream.permutation(num_images))


def count_views(crop_padding: int, *, flip: bool) -> int:
    """Count the views of an image before rotation: crops, and their mirror images."""
    return (2 * crop_padding + 1) ** 2 * (2 if flip else 1)


def number_views(draws: ViewDraws, crop_padding: int, *, flip: bool) -> Tensor:
    """Number the views that an epoch draws among all views of all images.

    The number is c * image + (row * (2 p + 1) + column) * m + mirrored, with c from `count_views`,
    p the padding, and m = 2 where views are mirrored, else 1.

    Returns:
        int64 [N], indexed as the draws are.
    """
    crops = draws.offsets[:, 0] * (2 * crop_padding + 1) + draws.offsets[:, 1]
    views = 2 * crops + draws.flips if flip else crops
    images = torch.arange(len(draws.order))
    return images * count_views(crop_padding, flip=flip) + views


def crop_and_flip(images: Tensor, offsets: Tensor, flips: Tensor, crop_padding: int) -> Tensor:
    """Pad a batch with black, crop it at the drawn offsets and mirror what is to be mirrored.

    Pixels are gathered on the device where they lie; nothing here waits for it.

    Args:
        images: uint8 [B, 3, H, W].
        offsets: Top-left corner of each crop in the padded image, int64 [B, 2], on the device.
        flips: Whether each crop is mirrored, bool [B], on the device.
        crop_padding: Black pixels added on each side before cropping.

    Returns:
        uint8 [B, 3, H, W].
    """
    batch_size, channels, height, width = images.shape
    padded = F.pad(images, (crop_padding,) * 4)
    column_range = torch.arange(width, device=images.device)
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = offsets[:, 1:] + torch.where(flips[:, None], width - 1 - column_range, column_range)
    pixels = rows[:, :, None] * padded.shape[-1] + columns[:, None, :]
    index = pixels.view(batch_size, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, index).view(images.shape)


def rotated_copies(
    images: Tensor, *, rotations: int, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Normalise a batch, and turn copy k of each image by k * 90 degrees counter-clockwise.

    Args:
        images: uint8 [B, 3, H, W], on any device; nothing here waits for it.
        rotations: R, 1 (as it is) or 4 (0, 90, 180 and 270 degrees).
        mean: Mean of pixels in 0..1 by channel (R, G, B).
        std: Standard deviation of pixels in 0..1 by channel (R, G, B).

    Returns:
        float32 [B, R, 3, H, W].

    Raises:
        ValueError: If `rotations` is neither 1 nor 4, or is 4 and the images are not square.
    """
    if rotations not in (1, 4):
        raise ValueError(f"rotations must be 1 or 4, got {rotations}")
    height, width = images.shape[-2:]
    if rotations == 4 and height != width:
        raise ValueError(f"four rotations need square images, got {height}x{width}")
    upright = normalise(images, mean, std)
    return torch.stack([torch.rot90(upright, k, (2, 3)) for k in range(rotations)], dim=1)


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn pixels into normalised numbers, (x / 255 - mean) / std, with one multiply and one add.

    Args:
        images: uint8 [B, 3, H, W], on any device.
        mean: Mean of pixels in 0..1 by channel (R, G, B).
        std: Standard deviation of pixels in 0..1 by channel (R, G, B).

    Returns:
        float32 [B, 3, H, W].
    """
    scale, shift = _scale_and_shift(tuple(mean), tuple(std), images.device)
    return images.float().mul_(scale).add_(shift)


@lru_cache(maxsize=32)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return 1 / (255 std) and -mean / std, float32 [3, 1, 1], kept so that no step copies them."""
    with torch.inference_mode(False):
        mean_c11 = torch.tensor(mean, dtype=torch.float64).view(-1, 1, 1)
        std_c11 = torch.tensor(std, dtype=torch.float64).view(-1, 1, 1)
        scale, shift = 1.0 / (255.0 * std_c11), -mean_c11 / std_c11
        return scale.float().to(device), shift.float().to(device)
