"""Crops in batches, against torchvision's own, one image at a time."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from pckd.data.crops import draw_box
from pckd.transfer.crops import cropped, resized_crops


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (40, 3, 24, 24), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("size", [8, 12, 30])
def test_crops_are_those_of_torchvision(images: Tensor, size: int) -> None:
    stream = np.random.default_rng(1)
    boxes = [draw_box(24, 24, stream) for _ in images]
    boxes[0], boxes[1] = (0, 0, 24, 24), (23, 0, 1, 1)
    mirrored = torch.arange(40) % 2 == 1
    ours = resized_crops(images, torch.tensor(boxes), mirrored, size)
    assert ours.dtype == torch.uint8
    for image, box, mirror, crop in zip(images, boxes, mirrored, ours, strict=True):
        theirs = functional.resized_crop(image.float(), *box, [size] * 2, antialias=True)
        theirs = theirs.flip(-1) if mirror else theirs
        # Pixels are rounded, so that half a step is as near as they can be.
        torch.testing.assert_close(crop.float(), theirs, atol=0.51, rtol=0)


def test_a_draw_repeats_however_images_are_parted_into_batches(images: Tensor) -> None:
    first, again = (torch.cat(list(cropped(images.split(b), 12, draw=2))) for b in (40, 7))
    assert torch.equal(first, again)
    other = torch.cat(list(cropped([images], 12, draw=3)))
    assert (first != other).flatten(1).any(1).all()


def test_half_of_the_crops_are_mirrored() -> None:
    left_to_right = torch.arange(24, dtype=torch.uint8).expand(1000, 3, 24, 24)
    crops = torch.cat(list(cropped([left_to_right], 12, draw=0)))
    mirrored = crops[:, 0, 0, 0] > crops[:, 0, 0, -1]
    # Binomial with p = 1/2: 5 standard errors, which one draw in two million would exceed.
    assert abs(mirrored.double().mean() - 0.5) < 5 * (0.25 / 1000) ** 0.5
