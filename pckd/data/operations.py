"""Operations on batches of images that change each by a strength of its own, as Pillow has them.

Strengths are float64 [n] from 0 to 1, which each operation maps to a range; images are uint8
[n, 3, H, W] on any device, and nothing here waits for it.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Operation = Callable[[Tensor, Tensor], Tensor]

FACTORS = (0.05, 0.95)
"""Shares of the image in what `_blended` makes."""
BITS = (4, 8)
DEGREES = (-30.0, 30.0)
SHIFTS = (-0.3, 0.3)
"""Slope of a shear; translations as shares of the side."""
THRESHOLDS = (0, 256)
FIXED_POINT = 65536
"""Pillow finds the pixels of a nearest-neighbour transformation in steps of 1 / 65536."""


def autocontrast(images: Tensor, strengths: Tensor) -> Tensor:
    """Stretch each channel to 0..255."""
    values = images.int()
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    stretched = (values - low) * 255 // (high - low).clamp(min=1)
    return torch.where(high > low, stretched, values).to(torch.uint8)


def equalise(images: Tensor, strengths: Tensor) -> Tensor:
    """Make the greys of each channel about equally frequent."""
    flat = images.flatten(2).long()
    counts = flat.new_zeros(*flat.shape[:2], 256).scatter_add_(2, flat, torch.ones_like(flat))
    last = flat.amax(2, keepdim=True)
    steps = (flat.shape[2] - counts.gather(2, last)) // 255
    below = counts.cumsum(2) - counts
    table = ((steps // 2 + below) // steps.clamp(min=1)).clamp(max=255)
    changed = torch.where(steps > 0, table.gather(2, flat), flat)
    return changed.view(images.shape).to(torch.uint8)


def identity(images: Tensor, strengths: Tensor) -> Tensor:
    """Change nothing."""
    return images


def brightness(images: Tensor, strengths: Tensor) -> Tensor:
    """Darken the image: blend it with black."""
    return _blended(torch.zeros_like(images), images, strengths)


def colour(images: Tensor, strengths: Tensor) -> Tensor:
    """Make the image pale: blend it with its greys."""
    return _blended(_greys(images).expand_as(images), images, strengths)


def contrast(images: Tensor, strengths: Tensor) -> Tensor:
    """Flatten the image: blend it with its mean grey."""
    mean = (_greys(images).double().mean((1, 2, 3), keepdim=True) + 0.5).to(torch.uint8)
    return _blended(mean.expand_as(images), images, strengths)


def sharpness(images: Tensor, strengths: Tensor) -> Tensor:
    """Blur the image: blend it with a smoothed one, whose border stays."""
    values, height, width = images.int(), *images.shape[2:]
    total = 4 * values[:, :, 1:-1, 1:-1]
    for row in range(3):
        for column in range(3):
            total = total + values[:, :, row : height - 2 + row, column : width - 2 + column]
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = ((2 * total + 13) // 26).to(torch.uint8)
    return _blended(smooth, images, strengths)


def posterise(images: Tensor, strengths: Tensor) -> Tensor:
    """Keep the upper 4 to 7 bits of each value."""
    bits = _between(BITS, strengths).int().view(-1, 1, 1, 1)
    step = torch.bitwise_left_shift(torch.ones_like(bits), 8 - bits)
    return (images.int() // step * step).to(torch.uint8)


def solarise(images: Tensor, strengths: Tensor) -> Tensor:
    """Invert the values from a threshold on."""
    threshold = _between(THRESHOLDS, strengths).view(-1, 1, 1, 1)
    return torch.where(images < threshold, images, 255 - images)


def rotate(images: Tensor, strengths: Tensor) -> Tensor:
    """Turn the image about its centre, counter-clockwise."""
    angles = -_between(DEGREES, strengths) * (math.pi / 180)
    height, width = images.shape[2:]
    cos, sin, x, y = angles.cos(), angles.sin(), width / 2, height / 2
    across = torch.stack([cos, sin, x - cos * x - sin * y], 1)
    down = torch.stack([-sin, cos, y + sin * x - cos * y], 1)
    return _moved(images, across, down)


def shear_x(images: Tensor, strengths: Tensor) -> Tensor:
    """Shift each row by its distance from the top."""
    slope = _between(SHIFTS, strengths)
    return _moved(images, _row(slope, 1, slope, 0), _row(slope, 0, 1, 0))


def shear_y(images: Tensor, strengths: Tensor) -> Tensor:
    """Shift each column by its distance from the left."""
    slope = _between(SHIFTS, strengths)
    return _moved(images, _row(slope, 1, 0, 0), _row(slope, slope, 1, 0))


def translate_x(images: Tensor, strengths: Tensor) -> Tensor:
    """Shift the image sideways."""
    shift = _between(SHIFTS, strengths) * images.shape[3]
    return _moved(images, _row(shift, 1, 0, shift), _row(shift, 0, 1, 0))


def translate_y(images: Tensor, strengths: Tensor) -> Tensor:
    """Shift the image up or down."""
    shift = _between(SHIFTS, strengths) * images.shape[2]
    return _moved(images, _row(shift, 1, 0, 0), _row(shift, 0, 1, shift))


OPERATIONS: tuple[Operation, ...] = (
    autocontrast,
    equalise,
    identity,
    brightness,
    colour,
    contrast,
    sharpness,
    posterise,
    solarise,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
)
"""By the number under which a view draws them."""


def _between(ends: tuple[float, float], strengths: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * strengths


def _greys(images: Tensor) -> Tensor:
    """The luminance of each pixel, uint8 [n, 1, H, W], as Pillow rounds it."""
    red, green, blue = images.int().split(1, dim=1)
    luminance: Tensor = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return luminance.to(torch.uint8)


def _blended(other: Tensor, images: Tensor, strengths: Tensor) -> Tensor:
    """A share of each image, the rest of the other; fractions are cut off."""
    shares = _between(FACTORS, strengths).float().view(-1, 1, 1, 1)
    base = other.float()
    return (base + shares * (images.float() - base)).to(torch.uint8)


def _row(like: Tensor, *values: "Tensor | float") -> Tensor:
    """Three numbers for each image, float64 [n, 3]."""
    return torch.stack([torch.zeros_like(like) + value for value in values], 1)


def _moved(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Pixels from elsewhere: (x, y) comes from (across . (x, y, 1), down . (x, y, 1)), else black.

    Args:
        images: uint8 [n, 3, H, W].
        across: float64 [n, 3].
        down: float64 [n, 3].
    """
    height, width = images.shape[2:]
    columns = torch.arange(width, device=images.device)
    rows = torch.arange(height, device=images.device)[:, None]

    def places(factors: Tensor) -> Tensor:
        start = factors[:, 2] + (factors[:, 0] + factors[:, 1]) / 2
        by_x, by_y, begin = (
            (each * FIXED_POINT + 0.5).floor().long().view(-1, 1, 1)
            for each in (factors[:, 0], factors[:, 1], start)
        )
        return (by_x * columns + by_y * rows + begin) >> 16

    x, y = places(across), places(down)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    index = torch.where(inside, y * width + x, 0).flatten(1)[:, None].expand(-1, 3, -1)
    moved = images.flatten(2).gather(2, index).view(images.shape)
    return torch.where(inside[:, None], moved, 0)
