"""The embedded digits."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from pckd.data import open_data


def test_digits_are_scikit_learns() -> None:
    data = open_data("digits")
    assert data.class_names == tuple("0123456789")
    assert data.train.images.shape == (1438, 3, 8, 8)
    assert data.test.images.shape == (359, 3, 8, 8)
    images = torch.cat([data.train.images, data.test.images])
    labels = torch.cat([data.train.labels, data.test.labels])
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])
    source = load_digits()
    ink = np.rint(images[:, 0].numpy() * (16 / 255)).reshape(-1, 64)
    ours = sorted(zip(ink.tolist(), labels.tolist(), strict=True))
    theirs = sorted(zip(source.data.tolist(), source.target.tolist(), strict=True))
    assert ours == theirs


def test_a_fifth_of_each_digit_is_for_testing() -> None:
    data = open_data("digits")
    train, test = torch.bincount(data.train.labels), torch.bincount(data.test.labels)
    assert ((test / (train + test)) - 0.2).abs().max() < 0.004


def test_digits_are_always_the_same() -> None:
    # The split is drawn, so this holds the draw too. Written down when the split was made.
    fingerprint = "70b5ab1a15f8156c80f2442b095dccf76693c6fa496a392ad7ef506e3172db2b"
    assert open_data("digits").fingerprint == fingerprint


def test_digits_are_normalised_by_their_own_statistics() -> None:
    data = open_data("digits")
    pixels = data.train.images.double() / 255
    torch.testing.assert_close(data.mean, tuple(pixels.mean((0, 2, 3)).tolist()))
    torch.testing.assert_close(data.std, tuple(pixels.std((0, 2, 3), correction=0).tolist()))


def test_digits_can_be_enlarged() -> None:
    data = open_data("digits", image_size=32)
    assert data.train.images.shape == (1438, 3, 32, 32)
    assert data.fingerprint != open_data("digits").fingerprint
