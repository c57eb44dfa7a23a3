"""One Parquet file of encoded images and labels, its columns read one at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label", "labels")

ROWS = 64
"""Images that are held in memory at once, besides what Parquet itself needs."""


def file_name(stamp: FileStamp) -> str:
    """Return the last part of a file's location."""
    return stamp.location.rpartition("/")[2]


def read_labels(place: Place, stamp: FileStamp) -> NDArray[np.int64]:
    """Read the labels of a file, int64 [N]; a missing one becomes -1, which is out of range.

    Raises:
        InputError: The file cannot be read, or has no columns of images and of whole numbers.
    """
    from pyarrow import compute, int64, types

    with _opened(place, stamp) as (file, _, column):
        labels = file.read([column]).column(0)
    if not types.is_integer(labels.type):
        raise InputError(f"column {stamp.location}:label is {labels.type}: it must be an integer")
    filled = compute.fill_null(labels.cast(int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def read_images(place: Place, stamp: FileStamp) -> Iterator[tuple[bytes, str]]:
    """Read the images of a file as they are encoded, few at a time, and what each is called.

    An image that is missing is empty.

    Raises:
        InputError: The file cannot be read, or its images are neither bytes nor a struct of them.
    """
    with _opened(place, stamp) as (file, column, _):
        _check_images(stamp, file.schema_arrow.field(column).type)
        row = 0
        for batch in file.iter_batches(ROWS, columns=[column]):
            for content, path in _encoded(batch.column(0)):
                yield content or b"", f"{path or 'image'} (row {row} of {file_name(stamp)})"
                row += 1


def read_class_names(place: Place, stamp: FileStamp) -> tuple[str, ...] | None:
    """Return the names in a file's metadata: our list, or the hub's ClassLabel feature, if any.

    Raises:
        InputError: The file or its metadata cannot be read.
    """
    with _opened(place, stamp) as (file, _, column):
        metadata = file.schema_arrow.metadata or {}
    try:
        if b"class_names" in metadata:
            return tuple(map(str, json.loads(metadata[b"class_names"])))
        features = (
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        names = features.get(column, {}).get("names")
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{file_name(stamp)} has class names that cannot be read: {error}"
        ) from error
    return tuple(map(str, names)) if names else None


@contextmanager
def _opened(place: Place, stamp: FileStamp) -> "Iterator[tuple[parquet.ParquetFile, str, str]]":
    """Open a file and find the columns of images and labels."""
    import pyarrow
    from pyarrow import parquet

    try:
        with place.filesystem.open_input_file(stamp.location) as stream:
            file = parquet.ParquetFile(stream)
            names = file.schema_arrow.names
            image = next((name for name in IMAGE_COLUMNS if name in names), None)
            label = next((name for name in LABEL_COLUMNS if name in names), None)
            if image is None or label is None:
                raise InputError(
                    f"{stamp.location} has columns {', '.join(names)}: it needs one of "
                    f"{', '.join(IMAGE_COLUMNS)} and one of {', '.join(LABEL_COLUMNS)}"
                )
            yield file, image, label
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{stamp.location} cannot be read as Parquet: {error}") from error


def _check_images(stamp: FileStamp, kind: "pyarrow.DataType") -> None:
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind):
        return
    fields = [field.name for field in kind] if types.is_struct(kind) else []
    if "bytes" not in fields:
        raise InputError(
            f"column {stamp.location}:image is {kind}: it must be struct<bytes: binary, "
            "path: string> or binary"
        )


def _encoded(images: "pyarrow.Array") -> Iterator[tuple[bytes | None, str | None]]:
    """Give encoded images and their names; either is None where it is null."""
    for image in images.to_pylist():
        known = image if isinstance(image, dict) else {"bytes": image}
        yield known["bytes"], known.get("path")
