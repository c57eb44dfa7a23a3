"""Checks that a data set must pass before anything is trained on it."""

from pathlib import Path

import torch

from pckd.data import ImageData, open_data

RESIZED = 8
"""Height and width in pixels to which images are resized on trial."""


class DataError(AssertionError):
    """A data set does not do what a data set must do."""


def check_data(name: str, root: Path | str | None = None) -> None:
    """Check a data set; torch's global generator must stay as it was.

    Args:
        name: A data set of the catalogue, or one that a plug-in has registered.
        root: The folder that holds it, if it needs one.

    Raises:
        DataError: A check failed; the sentence says which and how.
        InputError: The name is not known, or the data set cannot be opened.
    """
    state = torch.get_rng_state()
    data = open_data(name, root)
    _require(torch.equal(state, torch.get_rng_state()), "opening it draws from torch's generator")
    _images_and_labels_fit(data)
    again = open_data(name, root)
    _require(again.fingerprint == data.fingerprint, "opened twice, it holds other images or labels")
    resized = open_data(name, root, image_size=RESIZED)
    _require(
        resized.train.image_size == (RESIZED, RESIZED),
        f"resized, its images are not {RESIZED}x{RESIZED}",
    )
    _require(
        torch.equal(resized.train.labels, data.train.labels),
        "resized, it has other labels",
    )


def _images_and_labels_fit(data: ImageData) -> None:
    classes = len(data.class_names)
    _require(classes > 1, f"it has {classes} class, and a classifier needs two")
    _require(len(set(data.class_names)) == classes, "two of its classes have the same name")
    for split_name, split in (("training", data.train), ("test", data.test)):
        counts = torch.bincount(split.labels, minlength=classes)
        _require(int(counts.min()) > 0, f"a class has no {split_name} image")
        _require(len(split.images.unique()) > 1, f"all pixels of its {split_name} images are equal")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise DataError(sentence)
