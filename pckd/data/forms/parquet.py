"""Parquet files in the layout of the Hugging Face hub: encoded images and labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pckd.data.forms.base import Findings, Form, RawData, RawSplit, Source
from pckd.data.forms.parquet_file import (
    Layout,
    choice_notices,
    common_layout,
    file_name,
    read_images,
    read_labels,
)
from pckd.data.forms.shard_names import check_whole, split_of
from pckd.data.place import FileStamp, Place
from pckd.data.words import unused
from pckd.errors import InputError

TEST_SPLITS = ("test", "val", "valid", "validation")
"""Possible names of a test split; the first one present is taken."""


@dataclass(frozen=True, eq=False)  # without slots, which leave no room for a cached property
class Shards(Findings):
    """The Parquet files of a data set, found but not yet read.

    Attributes:
        place: The folder that holds them.
        train: The files of the training images, by name.
        test: The files of the test images, by name.
    """

    place: Place
    train: Sequence[FileStamp]
    test: Sequence[FileStamp]

    @cached_property
    def layout(self) -> Layout:
        """The columns, which are the same in all files; InputError if they are not."""
        return common_layout(self.place, [*self.train, *self.test])

    def labels(self, files: Iterable[FileStamp]) -> NDArray[np.int64]:
        """Read the labels of some of the files, one after another: int64 [N]."""
        return np.concatenate([read_labels(self.place, stamp, self.layout) for stamp in files])

    def class_names(self, *labels: NDArray[np.int64]) -> tuple[str, ...]:
        """Return the names in the metadata, or numbers up to the largest of the labels.

        Raises:
            InputError: There are no names, and labels are too large to be numbers of classes.
        """
        if self.layout.class_names is not None:
            return self.layout.class_names
        last, images = max(part.max(initial=-1) for part in labels), sum(map(len, labels))
        if last >= images:
            raise InputError(
                f"files in {self.place} have {images} images and a label {last} in column "
                f"{self.layout.label}: labels must count classes from 0"
            )
        return tuple(f"class {label}" for label in range(last + 1))

    def images(self, stamp: FileStamp) -> Iterable[tuple[bytes, str]]:
        """Read the images of one of the files, few at a time; see `read_images`."""
        return read_images(self.place, stamp, self.layout)


def find_shards(place: Place, test_splits: Sequence[str] = TEST_SPLITS) -> Shards | None:
    """Find `train-*.parquet` and `test-*`, `val-*`, `valid-*` or `validation-*.parquet`.

    Args:
        place: Where to look.
        test_splits: What the test split may be called; the first one present is taken.

    Raises:
        InputError: If one of the splits is there and the other is not, or the files of one do not
            belong together, or the first one cannot be read.
    """
    splits: dict[str, list[FileStamp]] = {}
    for stamp in place.files():
        if split := split_of(file_name(stamp)):
            splits.setdefault(split, []).append(stamp)
    test_split = next((name for name in test_splits if name in splits), None)
    if "train" not in splits and test_split is None:
        return None
    if "train" not in splits or test_split is None:
        raise InputError(
            f"{place} holds only {'test' if test_split else 'training'} Parquet files: "
            f"{'train-*.parquet' if test_split else 'test-*.parquet or val-*.parquet'} is missing"
        )
    for split in ("train", test_split):
        check_whole(str(place), split, [file_name(stamp) for stamp in splits[split]])
    others = unused(sorted(splits.keys() - {"train", test_split}), test_split)
    chosen = choice_notices(place, splits["train"][0])
    return Shards(place, splits["train"], splits[test_split], notices=(*others, *chosen))


def find(place: Place, test_splits: Sequence[str] = TEST_SPLITS) -> Source | None:
    """Find the files, to be decoded into memory; see `find_shards`."""
    shards = find_shards(place, test_splits)
    if shards is None:
        return None
    files = [*shards.train, *shards.test]
    meaning = [len(shards.train), len(shards.test)]
    return Source(files, lambda: _read(shards), meaning, notices=shards.notices)


LOOKED_FOR = "Parquet files train-*.parquet and test-*.parquet or val-*.parquet"

FORM = Form(LOOKED_FOR, find)


def _read(shards: Shards) -> RawData:
    train, test = (_split(shards, files) for files in (shards.train, shards.test))
    return RawData(train, test, shards.class_names(train.labels, test.labels))


def _split(shards: Shards, files: Sequence[FileStamp]) -> RawSplit:
    images = [image for stamp in files for image in shards.images(stamp)]
    contents, names = [content for content, _ in images], [name for _, name in images]
    return RawSplit(names, contents, shards.labels(files))
