"""Parquet files in the layout of the Hugging Face hub: encoded images and labels."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.forms.parquet_file import file_name, read_class_names, read_images, read_labels
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

TEST_SPLITS = ("test", "val", "valid", "validation")
"""What a test split may be called, the first one present is taken."""


@dataclass(frozen=True, slots=True)
class Shards:
    """The Parquet files of a data set, found but not yet read.

    Attributes:
        place: The folder that holds them.
        train: The files of the training images, by name.
        test: The files of the test images, by name.
    """

    place: Place
    train: Sequence[FileStamp]
    test: Sequence[FileStamp]

    def labels(self, files: Iterable[FileStamp]) -> NDArray[np.int64]:
        """Read the labels of some of the files, one after another: int64 [N]."""
        return np.concatenate([read_labels(self.place, stamp) for stamp in files])

    def class_names(self, *labels: NDArray[np.int64]) -> tuple[str, ...]:
        """Return the names in the metadata, or numbers up to the largest of the labels."""
        last = max(part.max(initial=-1) for part in labels)
        numbered = tuple(f"class {label}" for label in range(last + 1))
        return read_class_names(self.place, self.train[0]) or numbered


def find_shards(place: Place, test_splits: Sequence[str] = TEST_SPLITS) -> Shards | None:
    """Find `train-*.parquet` and `test-*`, `val-*`, `valid-*` or `validation-*.parquet`.

    Args:
        place: Where to look.
        test_splits: What the test split may be called; the first one present is taken.

    Raises:
        InputError: If one of the splits is there and the other is not, or parts of one are missing.
    """
    splits: dict[str, list[FileStamp]] = {}
    for stamp in place.files():
        match = re.fullmatch(r"([a-z]+)(-.*)?\.parquet", file_name(stamp))
        if match:
            splits.setdefault(match[1], []).append(stamp)
    train = splits.get("train", [])
    test = next((splits[name] for name in test_splits if name in splits), [])
    if not train and not test:
        return None
    if not train or not test:
        raise InputError(
            f"{place} holds only {'test' if test else 'training'} Parquet files: "
            f"{'train-*.parquet' if test else 'test-*.parquet or val-*.parquet'} is missing"
        )
    _check_parts(place, [*train, *test])
    return Shards(place, train, test)


def find(place: Place, test_splits: Sequence[str] = TEST_SPLITS) -> Source | None:
    """Find the files, to be decoded into memory; see `find_shards`."""
    shards = find_shards(place, test_splits)
    if shards is None:
        return None
    return Source([*shards.train, *shards.test], lambda: _read(shards))


LOOKED_FOR = "Parquet files train-*.parquet and test-*.parquet or val-*.parquet"

FORM = Form(LOOKED_FOR, find)


def _check_parts(place: Place, files: Iterable[FileStamp]) -> None:
    """Hold the names NAME-00000-of-00002 against the number of parts that they promise."""
    names = {file_name(stamp) for stamp in files}
    for name in sorted(names):
        match = re.fullmatch(r"([a-z]+)-\d{5}-of-(\d{5})(.*)", name)
        if match is None:
            continue
        promised = int(match[2])
        present = sum(other.startswith(f"{match[1]}-") for other in names)
        if present < promised:
            raise InputError(
                f"{place} holds {present} of the {promised} files "
                f"{match[1]}-*-of-{match[2]}.parquet: the others are missing"
            )


def _read(shards: Shards) -> RawData:
    train, test = (_split(shards, files) for files in (shards.train, shards.test))
    return RawData(train, test, shards.class_names(train.labels, test.labels))


def _split(shards: Shards, files: Sequence[FileStamp]) -> RawSplit:
    images = [image for stamp in files for image in read_images(shards.place, stamp)]
    contents, names = [content for content, _ in images], [name for _, name in images]
    return RawSplit(names, contents, shards.labels(files))
