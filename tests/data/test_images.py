"""The hash of a data set's content, and its channel statistics."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pckd.data import ImageSet
from pckd.data.images import Content, channel_statistics, content_fingerprint


@pytest.fixture
def content(random_pixels: Callable[..., NDArray[np.uint8]]) -> Content:
    def split(seed: int) -> ImageSet:
        images = torch.from_numpy(random_pixels(6, 3, 4, 4, seed=seed))
        return ImageSet(images, torch.tensor([0, 1, 2, 0, 1, 2]))

    return Content(split(0), split(1), ("a", "b", "c"))


def changed(values: torch.Tensor) -> torch.Tensor:
    """Copy a tensor and add one to its last number."""
    copy = values.clone()
    copy.view(-1)[-1] += 1
    return copy


def test_the_fingerprint_is_of_the_content(content: Content) -> None:
    copied = Content(
        ImageSet(content.train.images.clone(), content.train.labels.clone()),
        content.test,
        ("a", "b", "c"),
    )
    assert content_fingerprint(copied) == content_fingerprint(content)


def test_pixels_labels_names_and_their_places_make_the_fingerprint(content: Content) -> None:
    train, test = content.train, content.test
    others = [
        replace(content, train=ImageSet(changed(train.images), train.labels)),
        replace(content, train=ImageSet(train.images, changed(train.labels))),
        replace(content, test=ImageSet(changed(test.images), test.labels)),
        replace(content, test=ImageSet(test.images, changed(test.labels))),
        replace(content, class_names=("a", "b", "d")),
        replace(content, class_names=("a", "b, c")),
        replace(content, train=test, test=train),
        replace(content, train=ImageSet(train.images.view(6, 3, 2, 8), train.labels)),
    ]
    fingerprints = {content_fingerprint(each) for each in (content, *others)}
    assert len(fingerprints) == 1 + len(others)


def test_channel_statistics_are_numpys(random_pixels: Callable[..., NDArray[np.uint8]]) -> None:
    pixels = random_pixels(5000, 3, 2, 2)  # more than one chunk
    pixels[:, 1] //= 2
    mean, std = channel_statistics(torch.from_numpy(pixels))
    np.testing.assert_allclose(mean, (pixels / 255).mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, (pixels / 255).std((0, 2, 3)), rtol=1e-12)


def test_a_constant_channel_can_be_divided_by_its_deviation() -> None:
    mean, std = channel_statistics(torch.full((2, 3, 2, 2), 255, dtype=torch.uint8))
    assert mean == (1, 1, 1)
    assert std == (1 / 255, 1 / 255, 1 / 255)
