"""The files of a class tree: checked once, and kept until one of its folders changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pckd.data.cache_file import entry_path, load_entry, store_entry
from pckd.data.forms.class_folders import ClassTree
from pckd.data.forms.files import walk
from pckd.data.pixels import Flaw
from pckd.data.place import FileStamp
from pckd.data.soundness import flawed_files
from pckd.data.tracking import tracked

SEPARATOR = "\0"
"""Between names where they are kept: the one character that no file name holds."""

Times = dict[str, int]
"""When folders were last changed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True, eq=False)
class SplitListing:
    """The files of one split.

    Attributes:
        names: Relative to the tree's root, with forward slashes: str [N].
        labels: Class indices, int64 [N].
        sizes: Bytes, int64 [N]; -1 for a link that leads nowhere.
        flawed: Names of those that cannot be used, and why.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
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

    What was listed holds for as long as none of the folders was changed since: files that come,
    go or get another name are noticed, one that is overwritten in its place is not. A list with
    files that cannot be used is not kept, so that they can be repaired in their place.
    """
    entry = entry_path("listing", [str(tree.train), str(tree.test)])
    return _load(entry, tree) or _list_and_store(entry, tree)


def _load(entry: Path, tree: ClassTree) -> Listing | None:
    """Return what is kept; None if it is missing, damaged or out of date."""
    stored = load_entry(entry)
    try:
        if stored is None or any(_changed(Path(f)) != time for f, time in stored["times"].items()):
            return None
        train, test = (_unpacked(stored[split]) for split in ("train", "test"))
        intact = _fingerprint(train, test, tree) == stored["fingerprint"]
    except Exception:  # a damaged entry fails in many ways, and all mean: list anew
        return None
    return Listing(train, test, stored["fingerprint"]) if intact else None


def _list_and_store(entry: Path, tree: ClassTree) -> Listing:
    train, train_times = _listed(tree, tree.train)
    test, test_times = _listed(tree, tree.test)
    listing = Listing(train, test, _fingerprint(train, test, tree))
    stored = {
        "train": _packed(train),
        "test": _packed(test),
        "times": train_times | test_times,
        "fingerprint": listing.fingerprint,
    }
    if not (train.flawed or test.flawed):
        store_entry(entry, stored)
    return listing


def _listed(tree: ClassTree, split: Path) -> tuple[SplitListing, Times]:
    """List the files of a split, class by class, and note when its folders were changed."""
    times = {str(split): _changed(split)}
    names: list[str] = []
    labels: list[int] = []
    sizes: list[int] = []
    classes = tracked(enumerate(tree.class_names), f"listing {split}", len(tree.class_names))
    for label, class_name in classes:
        for folder, files in walk(split / class_name):
            times[str(folder)] = _changed(folder)
            below = folder.relative_to(tree.root).as_posix()
            names += [f"{below}/{file}" for file in files]
            sizes += [FileStamp.of(folder / file).size for file in files]
            labels += [label] * len(files)
    flawed = flawed_files(tree.root, names, f"checking {split}")
    listed = SplitListing(np.array(names, dtype=np.str_), np.array(labels), np.array(sizes), flawed)
    return listed, times


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


def _packed(split: SplitListing) -> dict[str, Any]:
    """Turn a listing into what an entry of the cache may hold: tensors and plain values."""
    return {
        "names": torch.frombuffer(bytearray(_joined(split.names) or b"\0"), dtype=torch.uint8),
        "labels": torch.from_numpy(split.labels),
        "sizes": torch.from_numpy(split.sizes),
    }


def _unpacked(stored: Mapping[str, Any]) -> SplitListing:
    text = stored["names"].numpy().tobytes().decode("utf-8", "surrogateescape")
    names = np.array(text.split(SEPARATOR), dtype=np.str_)
    return SplitListing(names, stored["labels"].numpy(), stored["sizes"].numpy())
