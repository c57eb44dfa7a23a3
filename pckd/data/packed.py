"""Streamed Parquet files: their images are copied once into a file with fast random access.

Parquet is read by row groups, on the hub of a hundred images: in a random order, an epoch would
read the data set a hundred times, and a shuffle that keeps neighbours together is not the one that
class folders get. So the images are copied as they are, one after another, into the cache. Each
machine copies for itself; an object store is read once, from beginning to end.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pckd.data.building import label_problems, refuse
from pckd.data.cache_file import entry_path, load_entry, locked, store_entry
from pckd.data.copying import Copied, copy_images
from pckd.data.encoded import PackedImages, RowNames
from pckd.data.forms.parquet import Shards
from pckd.data.forms.parquet_file import file_name
from pckd.data.place import FileStamp
from pckd.data.streamed import FileSet, StreamedContent


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of all files, R of them: those of the training images first.

    Attributes:
        class_names: The position is the label.
        files: Names of the F files.
        starts: The number of each file's first row, int64 [F].
        num_train: How many rows are training images.
        labels: Class indices, int64 [R].
    """

    class_names: Sequence[str]
    files: Sequence[str]
    starts: NDArray[np.int64]
    num_train: int
    labels: NDArray[np.int64]

    def names(self, split: slice) -> RowNames:
        return RowNames(self.files, self.starts, np.arange(len(self.labels))[split])

    @property
    def splits(self) -> tuple[slice, slice]:
        return slice(None, self.num_train), slice(self.num_train, None)


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """Input of `label_problems`."""

    names: RowNames
    labels: NDArray[np.int64]


def open_packed(name: str, where: str, shards: Shards) -> StreamedContent:
    """Pack Parquet files, or find them already packed.

    Of several processes that want them at the same moment, one packs while the others wait. What
    is packed holds for as long as the files keep their sizes and times.

    Args:
        name: The data set's name.
        where: Where it was found, for messages.
        shards: The files.

    Raises:
        InputError: A file cannot be read; a class has no image, a label is out of range, or an
            image is missing, truncated or none, and all are named at once; or the cache has no
            room or cannot be written.
    """
    stamps = [stamp.key for stamp in _files(shards)]
    entry = entry_path(f"{name}-packed", [str(shards.place), len(shards.train), stamps])
    found = _load(entry)
    if found is not None:
        return found
    with locked(entry):
        return _load(entry) or _pack(entry, name, where, shards)


def _files(shards: Shards) -> list[FileStamp]:
    return [*shards.train, *shards.test]


def _pack(entry: Path, name: str, where: str, shards: Shards) -> StreamedContent:
    rows = _read_rows(shards)
    kinds = ("training", "test")
    splits = [_Split(rows.names(part), rows.labels[part]) for part in rows.splits]
    refuse(
        name,
        where,
        [
            problem
            for kind, split in zip(kinds, splits, strict=True)
            for problem in label_problems(kind, split, rows.class_names)
        ],
    )
    copied = copy_images(name, where, shards, _images_file(entry))
    stored = {
        "class_names": tuple(rows.class_names),
        "files": tuple(rows.files),
        "starts": torch.from_numpy(rows.starts),
        "num_train": rows.num_train,
        "labels": torch.from_numpy(rows.labels),
        "offsets": torch.from_numpy(copied.offsets),
        "checksums": torch.from_numpy(copied.checksums),
        "digest_of_images": copied.digest,
    }
    store_entry(entry, stored)
    return _content(entry, rows, copied)


def _read_rows(shards: Shards) -> _Rows:
    labels = [shards.labels([stamp]) for stamp in _files(shards)]
    counts = np.array([len(part) for part in labels], dtype=np.int64)
    return _Rows(
        class_names=shards.class_names(*labels),
        files=[file_name(stamp) for stamp in _files(shards)],
        starts=counts.cumsum() - counts,
        num_train=int(counts[: len(shards.train)].sum()),
        labels=np.concatenate(labels),
    )


def _load(entry: Path) -> StreamedContent | None:
    """Return the packed images; None if they are missing or visibly damaged."""
    stored = load_entry(entry)
    if stored is None:
        return None
    rows = _Rows(
        stored["class_names"],
        stored["files"],
        stored["starts"].numpy(),
        stored["num_train"],
        stored["labels"].numpy(),
    )
    copied = Copied(
        stored["offsets"].numpy(), stored["checksums"].numpy(), stored["digest_of_images"]
    )
    try:
        whole = _images_file(entry).stat().st_size == copied.offsets[-1]
    except OSError:  # it is gone
        return None
    return _content(entry, rows, copied) if whole else None


def _images_file(entry: Path) -> Path:
    return entry.with_suffix(".images")


def _content(entry: Path, rows: _Rows, copied: Copied) -> StreamedContent:
    train, test = (
        FileSet(
            PackedImages(_images_file(entry), copied.offsets, copied.checksums, rows.names(part)),
            torch.from_numpy(rows.labels[part]),
        )
        for part in rows.splits
    )
    return StreamedContent(train, test, tuple(rows.class_names), _fingerprint(rows, copied))


def _fingerprint(rows: _Rows, copied: Copied) -> str:
    """Return the SHA-256 of class names, labels, and the encoded images, wherever they lie."""
    digest = hashlib.sha256(json.dumps([*rows.class_names, rows.num_train]).encode())
    for part in (rows.labels, copied.offsets):
        digest.update(part.tobytes())
    digest.update(copied.digest.encode())
    return digest.hexdigest()
