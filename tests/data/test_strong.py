"""Strong views: each operation against Pillow's, what is drawn, and that nobody else pays."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor

from pckd.data import ImageSet, TrainingPass
from pckd.data.operations import OPERATIONS
from pckd.data.strong import GREY, Changes, changed, draw_changes

Pillow = Callable[[Image.Image, float], Image.Image]
PASS = TrainingPass(seed=0, epoch=1, batch_size=6, crop_padding=2, flip=True)


def blend(image: Image.Image, other: Image.Image, strength: float) -> Image.Image:
    return Image.blend(other, image, 0.05 + 0.9 * strength)


def moved(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


def shift(strength: float) -> float:
    return -0.3 + 0.6 * strength


def mean_grey(image: Image.Image) -> Image.Image:
    grey = int(np.asarray(image.convert("L")).mean() + 0.5)
    return Image.new("RGB", image.size, (grey, grey, grey))


PILLOW: dict[str, Pillow] = {
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalise": lambda image, _: ImageOps.equalize(image),
    "identity": lambda image, _: image,
    "brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(0.05 + 0.9 * v),
    "colour": lambda image, v: ImageEnhance.Color(image).enhance(0.05 + 0.9 * v),
    "contrast": lambda image, v: blend(image, mean_grey(image), v),
    "sharpness": lambda image, v: blend(image, image.filter(ImageFilter.SMOOTH), v),
    "posterise": lambda image, v: ImageOps.posterize(image, int(4 + 4 * v)),
    "solarise": lambda image, v: ImageOps.solarize(image, 256 * v),  # type: ignore[arg-type]
    "rotate": lambda image, v: image.rotate(-30 + 60 * v),
    "shear_x": lambda image, v: moved(image, 1, shift(v), 0, 0, 1, 0),
    "shear_y": lambda image, v: moved(image, 1, 0, 0, shift(v), 1, 0),
    "translate_x": lambda image, v: moved(image, 1, 0, shift(v) * image.width, 0, 1, 0),
    "translate_y": lambda image, v: moved(image, 1, 0, 0, 0, 1, shift(v) * image.height),
}


def pixels(*shape: int, seed: int = 0) -> Tensor:
    """Smooth greys with noise, one image of a single colour."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randint(40, 200, shape, generator=random, dtype=torch.uint8)
    noise[0] = 77
    return noise


def as_pillow(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


@pytest.mark.parametrize("number", range(14), ids=[each.__name__ for each in OPERATIONS])
def test_operations_are_pillows(number: int) -> None:
    """Autocontrast is exact here, where Pillow's rounding may lose one of 255 greys."""
    images = pixels(8, 3, 12, 9)
    strengths = torch.linspace(0.01, 0.99, 8, dtype=torch.float64)
    ours = OPERATIONS[number](images, strengths).int()
    name = OPERATIONS[number].__name__
    for image, strength, result in zip(images, strengths.tolist(), ours, strict=True):
        theirs = np.asarray(PILLOW[name](as_pillow(image), strength)).astype(int)
        far = (result.permute(1, 2, 0).numpy() - theirs).__abs__().max()
        assert far <= (1 if name == "autocontrast" else 0)


def test_the_square_is_pillows() -> None:
    images = pixels(40, 3, 10, 10)
    squares = torch.rand(40, 3, dtype=torch.float64) * torch.tensor([0.5, 1, 1])
    identities = Changes(torch.full((40, 2), 2), torch.zeros(40, 2), squares)
    for image, square, ours in zip(
        images, squares.tolist(), changed(images, identities), strict=True
    ):
        expected, (side, x, y) = as_pillow(image), [10 * value for value in square]
        left, top = max(0, int(x - side / 2)), max(0, int(y - side / 2))
        right, bottom = min(10, left + side), min(10, top + side)
        ImageDraw.Draw(expected).rectangle((left, top, right, bottom), GREY)
        assert torch.equal(ours, torch.from_numpy(np.array(expected)).permute(2, 0, 1))


def test_two_operations_follow_each_other() -> None:
    images, changes = pixels(30, 3, 8, 8), draw_changes(30, seed=0, epoch=1)
    expected = images.clone()
    for row in range(30):
        one = images[row : row + 1]
        for place in range(2):
            operation = OPERATIONS[int(changes.operations[row, place])]
            one = operation(one, changes.strengths[row, place : place + 1])
        expected[row] = one[0]
    nothing = changes._replace(squares=torch.full((30, 3), -1.0, dtype=torch.float64))
    assert torch.equal(changed(images, nothing), expected)


def test_operations_strengths_and_squares_are_uniform() -> None:
    changes = draw_changes(14_000, seed=0, epoch=1)
    for drawn in changes.operations.unbind(1):
        counts = torch.bincount(drawn, minlength=14)
        assert len(counts) == 14
        assert (counts - 1000).abs().max() < 6 * math.sqrt(1000)
    ends = [(each.min().item(), each.max().item()) for each in changes.squares.unbind(1)]
    assert ends == [pytest.approx((0, top), abs=2e-3) for top in (0.5, 1, 1)]
    assert 0.49 < changes.strengths.mean() < 0.51


def views(split: ImageSet, training: TrainingPass) -> dict[int, Tensor]:
    """The strong view of each image."""
    found: dict[int, Tensor] = {}
    for batch in split.training_batches(training):
        assert batch.strong_images is not None
        found.update(zip(batch.indices.tolist(), batch.strong_images, strict=True))
    return found


def equal(one: dict[int, Tensor], other: dict[int, Tensor]) -> list[bool]:
    return [torch.equal(one[index], other[index]) for index in sorted(one)]


def test_a_strong_view_depends_on_seed_epoch_and_image_alone() -> None:
    split = ImageSet(pixels(20, 3, 8, 8), torch.arange(20))
    strong = replace(PASS, strong=True)
    whole = views(split, strong)
    ranks = [views(split, replace(strong, rank=rank, size=2, batch_size=10)) for rank in (0, 1)]
    assert all(equal(whole, ranks[0] | ranks[1]))
    assert all(equal(whole, views(split, strong)))
    for other in (replace(strong, seed=1), replace(strong, epoch=2)):
        assert sum(equal(whole, views(split, other))) < 5


def test_plain_views_are_those_without_strong_ones() -> None:
    split = ImageSet(pixels(20, 3, 8, 8), torch.arange(20))
    plain, both = (
        list(split.training_batches(replace(PASS, strong=strong))) for strong in (False, True)
    )
    for one, other in zip(plain, both, strict=True):
        assert one.strong_images is None
        assert all(map(torch.equal, one[:4], other[:4]))  # type: ignore[arg-type]
        parts = [part.strong_images for part in other.split(2)]
        assert other.strong_images is not None
        assert torch.equal(
            torch.cat([each for each in parts if each is not None]), other.strong_images
        )
