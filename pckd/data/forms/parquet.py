"""Parquet files in the layout of the Hugging Face hub: encoded images and labels."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

if TYPE_CHECKING:
    import pyarrow

TEST_SPLITS = ("test", "val", "valid", "validation")
"""What a test split may be called, the first one present is taken."""

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label", "labels")


def find(place: Place) -> Source | None:
    """Find `train-*.parquet` and `test-*`, `val-*`, `valid-*` or `validation-*.parquet`.

    Raises:
        InputError: If one of the splits is there and the other is not, or parts of one are missing.
    """
    splits: dict[str, list[FileStamp]] = {}
    for stamp in place.files():
        match = re.fullmatch(r"([a-z]+)(-.*)?\.parquet", _file_name(stamp))
        if match:
            splits.setdefault(match[1], []).append(stamp)
    train = splits.get("train", [])
    test = next((splits[name] for name in TEST_SPLITS if name in splits), [])
    if not train and not test:
        return None
    if not train or not test:
        raise InputError(
            f"{place} holds only {'test' if test else 'training'} Parquet files: "
            f"{'train-*.parquet' if test else 'test-*.parquet or val-*.parquet'} is missing"
        )
    _check_parts(place, [*train, *test])
    return Source([*train, *test], lambda: _read(place, train, test))


FORM = Form("Parquet files train-*.parquet and test-*.parquet or val-*.parquet", find)


def _file_name(stamp: FileStamp) -> str:
    return stamp.location.rpartition("/")[2]


def _check_parts(place: Place, files: Iterable[FileStamp]) -> None:
    """Hold the names NAME-00000-of-00002 against the number of parts that they promise."""
    names = {_file_name(stamp) for stamp in files}
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


def _read(place: Place, train: Sequence[FileStamp], test: Sequence[FileStamp]) -> RawData:
    train_tables = [_table(place, stamp) for stamp in train]
    test_tables = [_table(place, stamp) for stamp in test]
    train_split, test_split = _split(train, train_tables), _split(test, test_tables)
    class_names = _class_names(_file_name(train[0]), train_tables[0].schema)
    if class_names is None:
        labels = np.concatenate([train_split.labels, test_split.labels])
        class_names = tuple(f"class {label}" for label in range(labels.max(initial=-1) + 1))
    return RawData(train_split, test_split, class_names)


def _table(place: Place, stamp: FileStamp) -> "pyarrow.Table":
    """Read the two columns of a file, named image and label."""
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
            return file.read([image, label]).select([image, label])
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{stamp.location} cannot be read as Parquet: {error}") from error


def _split(files: Sequence[FileStamp], tables: "Sequence[pyarrow.Table]") -> RawSplit:
    names: list[str] = []
    contents: list[bytes] = []
    labels: list[np.ndarray] = []
    for stamp, table in zip(files, tables, strict=True):
        images, label_column = table.columns
        encoded, paths = _encoded_images(stamp, images)
        contents += [content or b"" for content in encoded]
        names += [
            f"{path or 'image'} (row {row} of {_file_name(stamp)})"
            for row, path in enumerate(paths)
        ]
        labels.append(_labels(stamp, label_column))
    return RawSplit(names, contents, np.concatenate(labels))


def _encoded_images(
    stamp: FileStamp, images: "pyarrow.ChunkedArray"
) -> tuple[list[bytes | None], list[str | None]]:
    """Return the encoded files of a column and their names; either is None where it is null."""
    from pyarrow import compute, types

    if types.is_binary(images.type) or types.is_large_binary(images.type):
        return images.to_pylist(), [None] * len(images)
    fields = [field.name for field in images.type] if types.is_struct(images.type) else []
    if "bytes" not in fields:
        raise InputError(
            f"column {stamp.location}:image is {images.type}: it must be struct<bytes: binary, "
            "path: string> or binary"
        )
    encoded = compute.struct_field(images, "bytes").to_pylist()
    if "path" not in fields:
        return encoded, [None] * len(images)
    return encoded, compute.struct_field(images, "path").to_pylist()


def _labels(stamp: FileStamp, labels: "pyarrow.ChunkedArray") -> np.ndarray:
    """Return int64 [N]; a missing label becomes -1, which is out of range."""
    from pyarrow import compute, int64, types

    if not types.is_integer(labels.type):
        raise InputError(f"column {stamp.location}:label is {labels.type}: it must be an integer")
    filled = compute.fill_null(labels.cast(int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def _class_names(file_name: str, schema: "pyarrow.Schema") -> tuple[str, ...] | None:
    """Return the names in the metadata: our list, or the hub's ClassLabel feature, if any."""
    metadata = schema.metadata or {}
    try:
        if b"class_names" in metadata:
            return tuple(map(str, json.loads(metadata[b"class_names"])))
        features = (
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        )
        names = features.get(schema.names[1], {}).get("names")
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{file_name} has class names that cannot be read: {error}") from error
    return tuple(map(str, names)) if names else None
