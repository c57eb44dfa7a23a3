"""Random resized crops of many images at once, as torchvision's RandomResizedCrop makes them.

Shapes: B images in the batch, P pixels along one side of an image, S of a crop.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from pckd.data.crops import draw_box
from pckd.data.streams import Purpose, random_stream


def cropped(batches: Iterable[Tensor], size: int, draw: int) -> Iterator[Tensor]:
    """Crop 8 to 100 percent of each image's area, resize it, and mirror half of the crops.

    Args:
        batches: uint8 [B, 3, P, P]; how images are parted into batches does not matter.
        size: S.
        draw: Which of many draws this is, from 0; it alone decides boxes and mirroring.

    Yields:
        uint8 [B, 3, S, S], on the device of the batch.
    """
    boxes = random_stream(0, Purpose.SIZED_CROPS, draw)
    flips = random_stream(0, Purpose.FLIPS, draw)
    for batch in batches:
        height, width = batch.shape[-2:]
        drawn = torch.tensor([draw_box(height, width, boxes) for _ in range(len(batch))])
        mirrored = torch.from_numpy(flips.random(len(batch)) < 0.5)
        yield resized_crops(batch, drawn, mirrored, size)


def resized_crops(images: Tensor, boxes: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """Cut a box out of each image and resize it: bilinear, antialiased, two matrix products.

    Args:
        images: uint8 [B, 3, P, P].
        boxes: Top, left, height and width in pixels, int64 [B, 4].
        mirrored: Whether to mirror a crop from left to right, bool [B].
        size: S.

    Returns:
        uint8 [B, 3, S, S], on the device of the images.
    """
    top, left, height, width = boxes.to(images.device).unbind(1)
    rows = _weights(top, height, images.shape[-2], size)
    columns = _weights(left, width, images.shape[-1], size)
    flipped = mirrored.to(images.device)[:, None, None]
    columns = torch.where(flipped, columns.flip(1), columns)[:, None]
    crops = rows[:, None] @ images.float() @ columns.transpose(-1, -2)
    return crops.round().clamp(0, 255).to(torch.uint8)


def _weights(start: Tensor, length: Tensor, pixels: int, size: int) -> Tensor:
    """Weights of each pixel in each pixel of a crop along one side: float32 [B, S, P].

    A triangle around the place from which the crop's pixel comes, one pixel to either side, or as
    many as the crop is smaller than its box; pixels outside the box give nothing.
    """
    places = torch.arange(pixels, device=start.device) + 0.5
    scale = (length / size)[:, None, None]
    steps = torch.arange(size, device=start.device)[:, None] + 0.5
    centres = start[:, None, None] + steps * scale
    weights = (1 - (places - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    end = (start + length)[:, None, None]
    weights = weights * ((places > start[:, None, None]) & (places < end))
    return weights / weights.sum(-1, keepdim=True)
