"""The list of files in a class tree: checked once, and kept until a folder or file changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pckd.data.cache_file import entry_path, load_entry, store_entry
from pckd.data.forms.class_folders import ClassTree
from pckd.data.forms.files import Once
from pckd.data.pixels import Flaw
from pckd.data.place import FileStamp
from pckd.data.soundness import flawed_files
from pckd.data.tracking import tracked

SEPARATOR = "\0"
"""Separator between stored names: the one character that no file name contains."""

SPLITS = ("train", "test")

CHUNK = 4096
"""Number of files that a thread asks the file system for at once."""

Times = dict[str, int]
"""Times at which folders were last changed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True, eq=False)
class SplitListing:
    """The files of one split.

    Attributes:
        names: Relative to the tree's root, with forward slashes: str [N].
        labels: Class indices, int64 [N].
        sizes: Bytes, int64 [N]; -1 for a link that leads nowhere.
        changed: When each was changed last, nanoseconds since 1970, int64 [N].
        flawed: Names of those that cannot be used, and why.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    changed: NDArray[np.int64]
    flawed: Sequence[tuple[str, Flaw]] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The files of a tree.

    Attributes:
        train: The training images.
        test: The test images.
        fingerprint: SHA-256 of class names and of each file's name, label and size, hexadecimal.
    """

    train: SplitListing
    test: SplitListing
    fingerprint: str


def list_tree(tree: ClassTree) -> Listing:
    """List the files of a tree and look for damaged ones, or take the list from the cache.

    What was listed holds for as long as none of the folders and files was changed since. A list
    with files that cannot be used is not kept.
    """
    entry = entry_path("listing", [str(tree.train), str(tree.test)])
    return _load(entry, tree) or _list_and_store(entry, tree)


def _load(entry: Path, tree: ClassTree) -> Listing | None:
    """Return the stored list; None if it is missing, damaged or out of date."""
    stored = load_entry(entry)
    if stored is None or any(_changed(Path(f)) != time for f, time in stored["times"].items()):
        return None
    train, test = (_unpacked(stored, split) for split in SPLITS)
    for split in (train, test):
        sizes, changed = _stamped(tree.root, split.names)
        if not (np.array_equal(sizes, split.sizes) and np.array_equal(changed, split.changed)):
            return None
    return Listing(train, test, stored["fingerprint"])


def _list_and_store(entry: Path, tree: ClassTree) -> Listing:
    once = Once()
    train, train_times = _listed(tree, tree.train, once)
    test, test_times = _listed(tree, tree.test, once)
    listing = Listing(train, test, _fingerprint(train, test, tree))
    stored = {
        **_packed(train, "train"),
        **_packed(test, "test"),
        "times": train_times | test_times,
        "fingerprint": listing.fingerprint,
    }
    if not (train.flawed or test.flawed):
        store_entry(entry, stored)
    return listing


def _listed(tree: ClassTree, split: Path, once: Once) -> tuple[SplitListing, Times]:
    """List the files of a split, class by class, and note when its folders were changed."""
    times = {str(split): _changed(split)}
    names: list[str] = []
    labels: list[int] = []
    classes = tracked(enumerate(tree.class_names), f"listing {split}", len(tree.class_names))
    for label, class_name in classes:
        for folder, files in once.walk(split / class_name):
            times[str(folder)] = _changed(folder)
            below = folder.relative_to(tree.root).as_posix()
            names += [f"{below}/{file}" for file in files]
            labels += [label] * len(files)
    flawed = flawed_files(tree.root, names, f"checking {split}")
    listed = np.array(names, dtype=np.str_)
    return SplitListing(listed, np.array(labels), *_stamped(tree.root, listed), flawed), times


def _stamped(root: Path, names: NDArray[np.str_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the size of each file and when it was changed last: int64 [N] both."""

    def stamps(chunk: NDArray[np.str_]) -> list[tuple[int, int]]:
        found = (FileStamp.of(root / name) for name in chunk.tolist())
        return [(stamp.size, stamp.modified) for stamp in found]

    with ThreadPoolExecutor() as pool:  # the file system is waited for
        chunks = np.array_split(names, -(-len(names) // CHUNK) or 1)
        found = [stamp for part in pool.map(stamps, chunks) for stamp in part]
    sizes, changed = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return sizes, changed


def _changed(folder: Path) -> int:
    """Return when a folder was last changed, or 0 if it is gone."""
    return FileStamp.of(folder).modified


def _fingerprint(train: SplitListing, test: SplitListing, tree: ClassTree) -> str:
    digest = hashlib.sha256(json.dumps(tree.class_names).encode())
    for split in (train, test):
        digest.update(_joined(split.names))
        digest.update(split.labels.tobytes())
        digest.update(split.sizes.tobytes())
    return digest.hexdigest()


def _joined(names: NDArray[np.str_]) -> bytes:
    return SEPARATOR.join(names.tolist()).encode("utf-8", "surrogateescape")


def _packed(split: SplitListing, prefix: str) -> dict[str, Tensor]:
    """Turn a listing into tensors, which an entry of the cache may hold."""
    return {
        f"{prefix}_names": torch.frombuffer(
            bytearray(_joined(split.names) or b"\0"), dtype=torch.uint8
        ),
        f"{prefix}_labels": torch.from_numpy(split.labels),
        f"{prefix}_sizes": torch.from_numpy(split.sizes),
        f"{prefix}_changed": torch.from_numpy(split.changed),
    }


def _unpacked(stored: Mapping[str, Any], prefix: str) -> SplitListing:
    text = stored[f"{prefix}_names"].numpy().tobytes().decode("utf-8", "surrogateescape")
    names = np.array(text.split(SEPARATOR), dtype=np.str_)
    labels, sizes, changed = (
        stored[f"{prefix}_{part}"].numpy() for part in ("labels", "sizes", "changed")
    )
    return SplitListing(names, labels, sizes, changed)
