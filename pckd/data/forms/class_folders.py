"""Trees with one folder per class: train/CLASS/... and test/CLASS/... or val/CLASS/..."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

TEST_FOLDERS = ("test", "val", "valid", "validation")
"""What the test folder may be called; the first that shares a class with train is taken."""

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

LabelledFile = tuple[Path, int]


@dataclass(frozen=True, slots=True)
class ClassTree:
    """A tree with one folder per class, found but not yet listed.

    Attributes:
        root: The folder that holds both splits.
        train: The folder of the training images.
        test: The folder of the test images.
        class_names: Folders in either split, sorted; the position is the label.
    """

    root: Path
    train: Path
    test: Path
    class_names: tuple[str, ...]


def find_tree(place: Place) -> ClassTree | None:
    """Find `train` and `test` or `val`, each with a folder for every class.

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
    names = sorted(train_names | test_folders[test_folder])
    return ClassTree(local, local / "train", test_folder, tuple(names))


def find(place: Place) -> Source | None:
    """Find a tree of class folders and list its images.

    A class folder may hold further folders. Other files than images are passed over, and so is
    what begins with a dot. Classes are numbered in the order of their names.

    Raises:
        InputError: If no test folder shares a class with the train folder.
    """
    tree = find_tree(place)
    if tree is None:
        return None
    train, test = (class_files(f, tree.class_names) for f in (tree.train, tree.test))
    return image_source(tree.root, train, test, tree.class_names)


LOOKED_FOR = "class folders train/CLASS/ and test/CLASS/ or val/CLASS/"

FORM = Form(LOOKED_FOR, find)
"""Images that are listed with their stamps, to be decoded."""

TREE_FORM = Form(LOOKED_FOR, find_tree)
"""The tree alone, whose files are not looked at."""


def class_files(folder: Path, class_names: Sequence[str]) -> list[LabelledFile]:
    """List the images below the folder of each class with the class's label, by class."""
    return [
        (file, label)
        for label, name in enumerate(class_names)
        for parent, files in walk(folder / name)
        for file in (parent / file_name for file_name in files)
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


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Go through a folder and those below it, deeper ones last, with the names of their images.

    Names are sorted; links to folders are followed.
    """
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(filter(_is_visible, folders))
        names = filter(_is_visible, files)
        yield Path(parent), sorted(n for n in names if n.lower().endswith(IMAGE_SUFFIXES))


def _is_visible(name: str) -> bool:
    return not name.startswith(".")
