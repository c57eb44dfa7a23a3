"""Views: what is drawn, and how it is rendered, against a loop with Pillow and torchvision."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from pckd.data import (
    ImageSet,
    TrainingPass,
    ViewDraws,
    count_views,
    crop_and_flip,
    draw_views,
    normalise,
    number_views,
    rotated_copies,
)

MEAN, STD = (0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761)
AS_PIXELS = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}
GOLDEN_ORDER = [2, 5, 7, 3, 4, 6, 1, 0]
GOLDEN_OFFSETS = [[0, 4], [2, 3], [2, 2], [1, 2], [0, 2], [8, 2], [0, 0], [6, 2]]
GOLDEN_FLIPS = [1, 1, 0, 1, 0, 1, 1, 0]
TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def draw(
    num_images: int = 500,
    *,
    seed: int = 0,
    epoch: int = 1,
    crop_padding: int = 4,
    flip: bool = True,
) -> ViewDraws:
    return draw_views(num_images, seed=seed, epoch=epoch, crop_padding=crop_padding, flip=flip)


def render_views(
    images: torch.Tensor,
    offsets: torch.Tensor,
    flips: torch.Tensor,
    *,
    crop_padding: int,
    rotations: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> torch.Tensor:
    """Both steps that a run makes: crops, then their rotated copies."""
    cropped = crop_and_flip(images, offsets, flips, crop_padding)
    assert cropped.dtype == torch.uint8
    return rotated_copies(cropped, rotations=rotations, mean=mean, std=std)


def same(first: ViewDraws, second: ViewDraws) -> list[bool]:
    """Return whether order, offsets and flips are the same."""
    return [
        torch.equal(first.order, second.order),
        torch.equal(first.offsets, second.offsets),
        torch.equal(first.flips, second.flips),
    ]


def looped_view(
    image: torch.Tensor, offset: list[int], flip: bool, padding: int, turn: int
) -> Image.Image:
    """One view of one image [3, H, W], by Pillow."""
    height, width = image.shape[1:]
    picture = tv.pad(tv.to_pil_image(image), [padding] * 4)
    picture = tv.crop(picture, offset[0], offset[1], height, width)
    picture = tv.horizontal_flip(picture) if flip else picture
    rotation = TURNS[turn]
    turned: Image.Image = picture if rotation is None else picture.transpose(rotation)
    return turned


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_rendered_views_are_those_of_a_loop_with_pillow(
    padding: int, random_pixels: Callable[..., NDArray[np.uint8]]
) -> None:
    images = torch.from_numpy(random_pixels(24, 3, 16, 16))
    draws = draw(24, crop_padding=padding)
    views = render_views(
        images, draws.offsets, draws.flips, crop_padding=padding, rotations=4, **AS_PIXELS
    )
    scaled = render_views(
        images, draws.offsets, draws.flips, crop_padding=padding, rotations=4, mean=MEAN, std=STD
    )
    assert views.shape == (24, 4, 3, 16, 16)
    assert views.dtype == torch.float32
    assert 0 < int(draws.flips.sum()) < 24
    for i in range(24):
        for turn in range(4):
            expected = looped_view(
                images[i], draws.offsets[i].tolist(), bool(draws.flips[i]), padding, turn
            )
            assert torch.equal(views[i, turn], tv.pil_to_tensor(expected).float())
            normalised = tv.normalize(tv.to_dtype(tv.to_image(expected), scale=True), MEAN, STD)
            torch.testing.assert_close(scaled[i, turn], normalised, atol=1e-6, rtol=0)


def test_one_rotation_takes_images_that_are_not_square(
    random_pixels: Callable[..., NDArray[np.uint8]],
) -> None:
    images = torch.from_numpy(random_pixels(8, 3, 6, 10))
    draws = draw(8, crop_padding=2)
    views = render_views(
        images, draws.offsets, draws.flips, crop_padding=2, rotations=1, **AS_PIXELS
    )
    assert views.shape == (8, 1, 3, 6, 10)
    for i in range(8):
        expected = looped_view(images[i], draws.offsets[i].tolist(), bool(draws.flips[i]), 2, 0)
        assert torch.equal(views[i, 0], tv.pil_to_tensor(expected).float())


def test_the_central_view_is_the_image_as_evaluated(
    random_pixels: Callable[..., NDArray[np.uint8]],
) -> None:
    images = torch.from_numpy(random_pixels(5, 3, 8, 8))
    centre, upright = torch.full((5, 2), 4), torch.zeros(5, dtype=torch.bool)
    views = render_views(images, centre, upright, crop_padding=4, rotations=4, mean=MEAN, std=STD)
    assert torch.equal(views[:, 0], normalise(images, MEAN, STD))


def test_normalise_is_torchvisions(random_pixels: Callable[..., NDArray[np.uint8]]) -> None:
    images = torch.from_numpy(random_pixels(5, 3, 8, 8))
    expected = tv.normalize(tv.to_dtype(images, scale=True), MEAN, STD)
    torch.testing.assert_close(normalise(images, MEAN, STD), expected, atol=1e-6, rtol=0)


def test_rendering_leaves_the_images_as_they_were(
    random_pixels: Callable[..., NDArray[np.uint8]],
) -> None:
    images = torch.from_numpy(random_pixels(4, 3, 8, 8))
    before, draws = images.clone(), draw(4)
    render_views(
        images, draws.offsets, draws.flips, crop_padding=4, rotations=4, mean=MEAN, std=STD
    )
    assert torch.equal(images, before)


def test_rendering_never_looks_at_values_on_the_device() -> None:
    # A meta tensor has no values: whatever would wait for one raises an error.
    images = torch.empty(4, 3, 8, 8, dtype=torch.uint8, device="meta")
    offsets = torch.empty(4, 2, dtype=torch.int64, device="meta")
    flips = torch.empty(4, dtype=torch.bool, device="meta")
    views = render_views(images, offsets, flips, crop_padding=4, rotations=4, mean=MEAN, std=STD)
    assert views.shape == (4, 4, 3, 8, 8)
    assert views.device.type == "meta"


@pytest.mark.parametrize(
    ("rotations", "width", "message"), [(2, 8, "1 or 4"), (0, 8, "1 or 4"), (4, 9, "square")]
)
def test_views_that_cannot_be_rendered_are_refused(
    rotations: int, width: int, message: str
) -> None:
    images = torch.zeros(2, 3, 8, width, dtype=torch.uint8)
    offsets, flips = torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, dtype=torch.bool)
    with pytest.raises(ValueError, match=message):
        render_views(
            images, offsets, flips, crop_padding=0, rotations=rotations, mean=MEAN, std=STD
        )


def test_draws_depend_on_the_arguments_alone() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = draw()
    torch.manual_seed(2)
    np.random.seed(2)
    before = torch.get_rng_state()
    assert same(first, draw()) == [True, True, True]
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_of_today_are_those_of_tomorrow() -> None:
    # Stored features and paired trials rely on it; written down when the streams were made.
    draws = draw_views(8, seed=3, epoch=2, crop_padding=4, flip=True)
    assert draws.order.tolist() == GOLDEN_ORDER
    assert draws.offsets.tolist() == GOLDEN_OFFSETS
    assert draws.flips.int().tolist() == GOLDEN_FLIPS


@pytest.mark.parametrize(("seed", "epoch"), [(1, 1), (0, 2), (1, 0)])
def test_another_seed_or_epoch_draws_all_anew(seed: int, epoch: int) -> None:
    assert same(draw(seed=0, epoch=1), draw(seed=seed, epoch=epoch)) == [False] * 3


def test_switching_flips_off_leaves_order_and_offsets() -> None:
    assert same(draw(flip=True), draw(flip=False)) == [True, True, False]
    assert not draw(flip=False).flips.any()


def test_another_padding_leaves_order_and_flips() -> None:
    assert same(draw(crop_padding=4), draw(crop_padding=2)) == [True, False, True]
    assert not draw(crop_padding=0).offsets.any()


@given(st.integers(1, 30), st.integers(0, 3), st.booleans(), st.integers(0, 50))
def test_a_number_tells_image_crop_and_mirroring(
    num_images: int, padding: int, flip: bool, epoch: int
) -> None:
    draws = draw_views(num_images, seed=1, epoch=epoch, crop_padding=padding, flip=flip)
    count = count_views(padding, flip=flip)
    side = 2 * padding + 1
    for image, number in enumerate(number_views(draws, padding, flip=flip).tolist()):
        view = number - image * count
        assert 0 <= view < count
        crop, mirrored = divmod(view, 2) if flip else (view, 0)
        assert divmod(crop, side) == tuple(draws.offsets[image].tolist())
        assert bool(mirrored) == draws.flips[image]


def test_equal_numbers_are_equal_pixels_also_for_ranks() -> None:
    images = torch.randint(0, 256, (40, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    split = ImageSet(images.to(torch.uint8), torch.arange(40))
    seen: dict[int, torch.Tensor] = {}
    repeated = 0
    for epoch in range(12):
        training = TrainingPass(seed=0, epoch=epoch, batch_size=16, crop_padding=1, flip=True)
        for rank in range(2):
            for batch in split.training_batches(replace(training, rank=rank, size=2)):
                assert batch.view_numbers is not None
                for number, pixels in zip(batch.view_numbers.tolist(), batch.images, strict=True):
                    repeated += number in seen
                    assert torch.equal(seen.setdefault(number, pixels), pixels)
    assert repeated > 50
    assert max(seen) < 40 * split.views_per_image(1, flip=True)


def test_the_order_visits_each_image_once() -> None:
    draws = draw(1000)
    assert draws.order.dtype == torch.int64
    assert torch.equal(draws.order.sort().values, torch.arange(1000))
    assert not torch.equal(draws.order, torch.arange(1000))


def test_offsets_and_flips_are_uniform_and_independent() -> None:
    # 81 crops times 2, each with p = 1/162. A count may be off by 6 standard deviations: of a
    # right generator, one seed in three million would fail; this seed is fixed.
    draws = draw(200_000)
    cell = (draws.offsets[:, 0] * 9 + draws.offsets[:, 1]) * 2 + draws.flips
    counts = torch.bincount(cell, minlength=162).double()
    p = 1 / 162
    sigma = math.sqrt(200_000 * p * (1 - p))
    assert draws.offsets.dtype == torch.int64
    assert len(counts) == 162
    assert (counts - 200_000 * p).abs().max() < 6 * sigma


@pytest.mark.parametrize(
    ("num_images", "seed", "epoch", "padding"),
    [(-1, 0, 0, 0), (1, -1, 0, 0), (1, 0, -1, 0), (1, 0, 0, -1)],
)
def test_negative_numbers_are_refused(num_images: int, seed: int, epoch: int, padding: int) -> None:
    with pytest.raises(ValueError):
        draw(num_images, seed=seed, epoch=epoch, crop_padding=padding)
