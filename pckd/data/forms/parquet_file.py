"""One Parquet file of encoded images and labels, its columns read one at a time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pckd.data.place import FileStamp, Place
from pckd.data.words import listed
from pckd.errors import InputError
from pckd.files.parquet import DamagedParquetError, damage_named, open_parquet, read_columns

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label", "labels")

ROWS = 64
"""Images that are held in memory at once, besides what Parquet itself needs."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of a data set's Parquet files, the same in all of them.

    Attributes:
        image: The column of images.
        label: The column of labels.
        offered: All columns that labels could have been taken from.
        class_names: Names in the metadata, our list or the hub's ClassLabel feature, or None.
    """

    image: str
    label: str
    offered: tuple[str, ...]
    class_names: tuple[str, ...] | None


def file_name(stamp: FileStamp) -> str:
    """Return the last part of a file's location."""
    return stamp.location.rpartition("/")[2]


def common_layout(place: Place, files: Sequence[FileStamp]) -> Layout:
    """Find the columns of images and labels, once for all files of a data set.

    Class names need not stand in each file.

    Raises:
        InputError: A file cannot be read or lacks a column; or two files offer different columns,
            or name other classes.
    """
    layouts = [(file_name(stamp), _read_layout(place, stamp)) for stamp in files]
    first_name, first = layouts[0]
    for name, layout in layouts[1:]:
        if (layout.image, layout.offered) != (first.image, first.offered):
            raise InputError(
                f"files in {place} do not have the same columns of images and labels: {first_name} "
                f"has {_columns(first)}, {name} has {_columns(layout)}"
            )
    named = [(name, layout) for name, layout in layouts if layout.class_names]
    for name, layout in named[1:]:
        if layout.class_names != named[0][1].class_names:
            raise InputError(
                f"files in {place} do not name the same classes in the same order: "
                f"{_difference(named[0], (name, layout))}"
            )
    return named[0][1] if named else first


def choice_notices(place: Place, stamp: FileStamp) -> tuple[str, ...]:
    """Sentences on columns of a file that could be taken, too, for images or for labels.

    Raises:
        InputError: The file cannot be read.
    """
    with _opened(place, stamp) as file:
        names = file.schema_arrow.names
    offered = (
        (what, [name for name in known if name in names])
        for what, known in (("images", IMAGE_COLUMNS), ("labels", LABEL_COLUMNS))
    )
    return tuple(
        f"{what} are those of column {found[0]}, and {listed(found[1:])} beside it not used"
        for what, found in offered
        if found[1:]
    )


def read_labels(place: Place, stamp: FileStamp, layout: Layout) -> NDArray[np.int64]:
    """Read the labels of a file, int64 [N]; a missing one becomes -1, which is out of range.

    Raises:
        InputError: The file cannot be read, or its labels are no whole numbers.
    """
    from pyarrow import compute, int64, types

    with _opened(place, stamp) as file:
        labels = read_columns(file, [layout.label]).column(0)
        if not types.is_integer(labels.type):
            raise InputError(
                f"column {stamp.location}:{layout.label} is {labels.type}: it must be an integer"
            )
        filled = compute.fill_null(labels.cast(int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def read_images(place: Place, stamp: FileStamp, layout: Layout) -> Iterator[tuple[bytes, str]]:
    """Read the encoded images of a file, a few at a time, with a name for each.

    An image that is missing is empty.

    Raises:
        InputError: The file cannot be read, or its images are neither bytes nor a struct of them.
    """
    with _opened(place, stamp) as file:
        _check_images(stamp, file.schema_arrow.field(layout.image).type)
        row = 0
        for batch in file.iter_batches(ROWS, columns=[layout.image]):
            for content, path in _encoded(batch.column(0)):
                yield content or b"", f"{path or 'image'} (row {row} of {file_name(stamp)})"
                row += 1


def _read_layout(place: Place, stamp: FileStamp) -> Layout:
    with _opened(place, stamp) as file:
        names, metadata = file.schema_arrow.names, file.schema_arrow.metadata or {}
    image = next((name for name in IMAGE_COLUMNS if name in names), None)
    offered = tuple(name for name in LABEL_COLUMNS if name in names)
    if image is None or not offered:
        raise InputError(
            f"{stamp.location} has columns {', '.join(names)}: it needs one of "
            f"{', '.join(IMAGE_COLUMNS)} and one of {', '.join(LABEL_COLUMNS)}"
        )
    for name in (image, *offered):
        if names.count(name) > 1:
            raise InputError(f"{stamp.location} has several columns {name}: leave one of them")
    return Layout(image, offered[0], offered, _class_names(stamp, metadata, offered[0]))


def _class_names(
    stamp: FileStamp, metadata: dict[bytes, bytes], column: str
) -> tuple[str, ...] | None:
    try:
        if b"class_names" in metadata:
            names = json.loads(metadata[b"class_names"])
        else:
            hub = json.loads(metadata.get(b"huggingface", b"{}"))
            names = hub.get("info", {}).get("features", {}).get(column, {}).get("names")
        if names is not None and not isinstance(names, list):
            raise TypeError(f"{type(names).__name__} instead of a list")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(
            f"{file_name(stamp)} has class names that cannot be read: {error}"
        ) from error
    if names and len(set(map(str, names))) < len(names):
        raise InputError(f"{file_name(stamp)} gives two classes the same name")
    return tuple(map(str, names)) if names else None


def _columns(layout: Layout) -> str:
    return " and ".join((layout.image, *layout.offered))


def _difference(one: tuple[str, Layout], other: tuple[str, Layout]) -> str:
    """Say how the class names of two files differ first."""
    first, second = one[1].class_names or (), other[1].class_names or ()
    for label, (ours, theirs) in enumerate(zip(first, second, strict=False)):
        if ours != theirs:
            return f"class {label} is '{ours}' in {one[0]} and '{theirs}' in {other[0]}"
    return f"{one[0]} names {len(first)}, {other[0]} {len(second)}"


@contextmanager
def _opened(place: Place, stamp: FileStamp) -> "Iterator[parquet.ParquetFile]":
    try:
        with damage_named(), place.filesystem.open_input_file(stamp.location) as stream:
            yield open_parquet(stream)
    except (DamagedParquetError, FileNotFoundError) as error:
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
