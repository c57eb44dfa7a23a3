"""Crops of streamed images, against torchvision's transforms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision.transforms import v2

from pckd.data.crops import central_crop, draw_box, random_crop

MakePixels = Callable[..., NDArray[np.uint8]]


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 2**32))
def test_a_box_lies_in_the_image(height: int, width: int, seed: int) -> None:
    top, left, box_height, box_width = draw_box(height, width, np.random.default_rng(seed))
    assert 0 <= top <= top + box_height <= height
    assert 0 <= left <= left + box_width <= width
    assert box_height > 0
    assert box_width > 0


def test_boxes_have_the_distribution_of_torchvisions() -> None:
    # Both samples have 4000 boxes: a mean may be off by 5 standard errors of the difference, which
    # one right generator in two million would exceed; both seeds are fixed.
    transform = v2.RandomResizedCrop(224)
    image = torch.zeros(3, 300, 400)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = np.array([list(transform.make_params([image]).values()) for _ in range(4000)])
    stream = np.random.default_rng(0)
    ours = np.array([draw_box(300, 400, stream) for _ in range(4000)])
    for sample in (np.copy, np.square, lambda boxes: boxes[:, 2:].prod(1, keepdims=True)):
        first, second = sample(ours.astype(float)), sample(theirs.astype(float))
        error = np.sqrt(first.var(0) / 4000 + second.var(0) / 4000)
        assert (np.abs(first.mean(0) - second.mean(0)) < 5 * error).all()
    shares = ours[:, 2] * ours[:, 3] / (300 * 400)
    assert 0.079 < shares.min() < 0.1
    assert 0.95 < shares.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(10, 900), (900, 10)])
def test_where_no_box_fits_it_is_torchvisions_central_one(height: int, width: int) -> None:
    theirs = v2.RandomResizedCrop(224).make_params([torch.zeros(3, height, width)])
    ours = draw_box(height, width, np.random.default_rng(0))
    assert ours == (theirs["top"], theirs["left"], theirs["height"], theirs["width"])


def test_a_random_crop_is_resized_and_half_the_time_mirrored(random_pixels: MakePixels) -> None:
    image = torch.from_numpy(random_pixels(3, 50, 70))
    mirrored = 0
    for seed in range(40):
        box = draw_box(50, 70, np.random.default_rng(seed))
        expected = v2.functional.resized_crop(image, *box, [224, 224], antialias=True)
        upright = random_crop(image, np.random.default_rng(seed), flip=False)
        crop = random_crop(image, np.random.default_rng(seed), flip=True)
        assert torch.equal(upright, expected)
        assert crop.shape == (3, 224, 224)
        assert crop.dtype == torch.uint8
        mirrored += torch.equal(crop, expected.flip(-1))
        assert torch.equal(crop, expected) or torch.equal(crop, expected.flip(-1))
    assert abs(mirrored - 20) < 6 * math.sqrt(10)


@pytest.mark.parametrize(("height", "width"), [(50, 70), (300, 256), (256, 256)])
def test_the_central_crop_is_torchvisions(
    height: int, width: int, random_pixels: MakePixels
) -> None:
    image = torch.from_numpy(random_pixels(3, height, width))
    expected = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224)])(image)
    assert torch.equal(central_crop(image), expected)
