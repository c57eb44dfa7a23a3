"""Trees with one folder per class: train/CLASS/... and test/CLASS/... or val/CLASS/..."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

TEST_FOLDERS = ("test", "val", "valid", "validation")
"""What the test folder may be called; the first that shares a class with train is taken."""

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

LabelledFile = tuple[Path, int]


def find(place: Place) -> Source | None:
    """Find `train` and `test` or `val`, each with a folder of images for every class.

    A class folder may hold further folders. Other files than images are passed over, and so is
    what begins with a dot. Classes are numbered in the order of their names.

    Raises:
        InputError: If no test folder shares a class with the train folder.
    """
    local = place.local
    if local is None or not (train_names := _class_folders(local / "train")):
        return None
    test_folders = {local / name: _class_folders(local / name) for name in TEST_FOLDERS}
    test_folder = next((f for f, names in test_folders.items() if names & train_names), None)
    if test_folder is None:
        raise InputError(
            f"{local} has a folder train, but beside it none of {', '.join(TEST_FOLDERS)} that "
            "holds the same class folders"
        )
    class_names = sorted(train_names | test_folders[test_folder])
    train, test = (class_files(f, class_names) for f in (local / "train", test_folder))
    return image_source(local, train, test, class_names)


FORM = Form("class folders train/CLASS/ and test/CLASS/ or val/CLASS/", find)


def class_files(folder: Path, class_names: Sequence[str]) -> list[LabelledFile]:
    """List the images below the folder of each class with the class's label, by class."""
    return [
        (file, label)
        for label, name in enumerate(class_names)
        for file in _images_below(folder / name)
    ]


def image_source(
    root: Path,
    train: Sequence[LabelledFile],
    test: Sequence[LabelledFile],
    class_names: Sequence[str],
) -> Source:
    """Return the source of image files below a root."""

    def split(files: Sequence[LabelledFile]) -> RawSplit:
        names = [file.relative_to(root).as_posix() for file, _ in files]
        labels = np.array([label for _, label in files], dtype=np.int64)
        return RawSplit(names, [file for file, _ in files], labels)

    stamps = [FileStamp.of(file) for file, _ in (*train, *test)]
    return Source(stamps, lambda: RawData(split(train), split(test), tuple(class_names)))


def _class_folders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder; none if it does not exist."""
    if not folder.is_dir():
        return set()
    return {entry.name for entry in folder.iterdir() if _is_visible(entry.name) and entry.is_dir()}


def _images_below(folder: Path) -> Iterable[Path]:
    """List images folder by folder in the order of their names, deeper folders last."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(filter(_is_visible, folders))
        for name in sorted(filter(_is_visible, files)):
            if name.lower().endswith(IMAGE_SUFFIXES):
                yield Path(parent, name)


def _is_visible(name: str) -> bool:
    return not name.startswith(".")
