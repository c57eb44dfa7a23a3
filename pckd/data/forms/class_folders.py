"""Trees with one folder per class: train/CLASS/... and test/CLASS/... or val/CLASS/..."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pckd.data.forms.base import Findings, Form, RawData, RawSplit, Source
from pckd.data.forms.files import Once, check_links, is_image, is_system
from pckd.data.place import FileStamp, Place
from pckd.data.words import listed, unused
from pckd.errors import InputError
from pckd.words import as_shown

TEST_FOLDERS = ("test", "val", "valid", "validation")
"""Possible names of the test folder; the first that shares a class with train is taken."""

CLASSES_LOOKED_FOR = 10
"""Classes by which a folder shows that it is a split."""

LabelledFile = tuple[Path, int]


@dataclass(frozen=True, slots=True)
class ClassTree(Findings):
    """A tree with one folder per class, found but not yet listed.

    Attributes:
        root: The folder that holds both splits.
        train: The folder of the training images.
        test: The folder of the test images.
        class_names: Folders in either split, in their order; the position is the label.
    """

    root: Path
    train: Path
    test: Path
    class_names: tuple[str, ...]


def find_tree(place: Place) -> ClassTree | None:
    """Find `train` and `test` or `val`, each with a folder for every class.

    Raises:
        InputError: If no test folder shares a class with the train folder, that has another name,
            or two class folders have one name.
    """
    local = place.local
    if local is None:
        return None
    if not (train_names := class_folders(local / "train")):
        _check_spelling(local)
        return None
    test_folders = {local / name: class_folders(local / name) for name in TEST_FOLDERS}
    test_folder = next((f for f, names in test_folders.items() if names & train_names), None)
    if test_folder is None:
        raise InputError(
            f"{local} has a folder train, but beside it none of {', '.join(TEST_FOLDERS)} that "
            "holds the same class folders"
        )
    names = in_order(train_names | test_folders[test_folder])
    _check_told_apart(local, names)
    notices = unused(_beside(local, {"train", test_folder.name}, names), test_folder.name)
    return ClassTree(local, local / "train", test_folder, names, notices=notices)


def find(place: Place) -> Source | None:
    """Find a tree of class folders and list its images.

    A class folder may hold further folders. Other files than images are passed over, and so is
    what begins with a dot or was left by a system.

    Raises:
        InputError: If no test folder shares a class with the train folder, images lie beside the
            class folders, or a folder is reached twice.
    """
    tree = find_tree(place)
    if tree is None:
        return None
    once = Once()
    train, test = (class_files(f, tree.class_names, once) for f in (tree.train, tree.test))
    return replace(image_source(tree.root, train, test, tree.class_names), notices=tree.notices)


LOOKED_FOR = "class folders train/CLASS/ and test/CLASS/ or val/CLASS/"

FORM = Form(LOOKED_FOR, find)
"""Images that are listed with their stamps, to be decoded."""

TREE_FORM = Form(LOOKED_FOR, find_tree)
"""The tree alone, whose files are not looked at."""


def class_folders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder; none if it does not exist.

    Raises:
        InputError: Images lie in the folder itself, so that they are of no class; or it holds a
            link that leads nowhere, which may have been a class.
    """
    if not folder.is_dir():
        return set()
    entries = [entry for entry in folder.iterdir() if not is_system(entry.name)]
    folders = {entry.name for entry in entries if entry.is_dir()}
    check_links(folder, [entry.name for entry in entries if entry.name not in folders])
    stray = sorted(e.name for e in entries if e.name not in folders and is_image(e.name))
    if folders and stray:
        raise InputError(
            f"{folder} holds class folders and images beside them, which are of no class: "
            f"{listed(stray)}"
        )
    return folders


def _check_spelling(root: Path) -> None:
    """Refuse training images in a folder Train, TRAIN or Training."""
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        if entry.name.lower() in ("train", "training") and class_folders(entry):
            raise InputError(f"{entry} holds class folders: rename it train")


def _beside(root: Path, used: set[str], class_names: Sequence[str]) -> list[str]:
    """Name the folders that lie beside the used ones and hold folders of the same classes."""
    others = (entry for entry in sorted(root.iterdir()) if entry.name not in used)
    return [
        folder.name
        for folder in others
        if not is_system(folder.name)
        and any((folder / name).is_dir() for name in class_names[:CLASSES_LOOKED_FOR])
    ]


def in_order(class_names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names: as numbers if all of them are whole numbers, else as text."""
    names = sorted(class_names)
    return tuple(sorted(names, key=int) if all(name.isdecimal() for name in names) else names)


def _check_told_apart(folder: Path, class_names: Sequence[str]) -> None:
    """Refuse names of classes that are one name, stored or written in two ways.

    Raises:
        InputError: Two numbers differ in zeros before them, or two names in what nobody sees.
    """
    are_numbers = all(name.isdecimal() for name in class_names)
    seen: dict[str, str] = {}
    for name in class_names:
        twin = seen.setdefault(str(int(name)) if are_numbers else as_shown(name).strip(), name)
        if twin != name:
            raise InputError(
                f"{folder} has class folders {twin!a} and {name!a}, one name in two ways: rename "
                "one of them, in all splits"
            )


def class_files(folder: Path, class_names: Sequence[str], once: Once) -> list[LabelledFile]:
    """List the images below the folder of each class with the class's label, by class.

    Raises:
        InputError: A folder is reached twice.
    """
    return [
        (parent / file, label)
        for label, name in enumerate(class_names)
        for parent, files in once.walk(folder / name)
        for file in files
    ]


def image_source(
    root: Path,
    train: Sequence[LabelledFile],
    test: Sequence[LabelledFile],
    class_names: Sequence[str],
    others: Sequence[Path] = (),
) -> Source:
    """Return the source of image files below a root.

    Args:
        root: The folder that names in messages are relative to.
        train: The training images.
        test: The test images.
        class_names: The position is the label.
        others: Files that say which images these are, and of what class.
    """

    def split(files: Sequence[LabelledFile]) -> RawSplit:
        names = [file.relative_to(root).as_posix() for file, _ in files]
        labels = np.array([label for _, label in files], dtype=np.int64)
        return RawSplit(names, [file for file, _ in files], labels)

    parts = split(train), split(test)
    meaning = [(part.names, part.labels.tolist()) for part in parts]
    return Source(
        files=[FileStamp.of(file) for file in (*others, *(file for file, _ in (*train, *test)))],
        meaning=[class_names, meaning],
        read=lambda: RawData(*parts, tuple(class_names)),
    )
