"""Parquet files in the layout of the Hugging Face hub."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pyarrow import fs

from pckd.data import data_notices, open_data
from pckd.data.forms import parquet
from pckd.data.place import Place
from pckd.errors import InputError

Pixels = NDArray[np.uint8]
HUB_METADATA = {
    "huggingface": {
        "info": {
            "features": {
                "image": {"_type": "Image"},
                "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
            }
        }
    }
}


@pytest.fixture
def images(random_pixels: Callable[..., Pixels]) -> Pixels:
    return random_pixels(6, 8, 8, 3)


@pytest.fixture
def encoded(images: Pixels, encode: Callable[..., bytes]) -> list[bytes]:
    return [encode(image) for image in images]


@pytest.fixture
def write(
    root: Path, encoded: list[bytes], write_parquet: Callable[..., None]
) -> Callable[..., None]:
    """Write four training images in two files and two test images, labelled 0, 1, 0, 1 ..."""

    def write_set(metadata: object = None, test: str = "test", folder: str = "") -> None:
        below = root / folder
        write_parquet(below / "train-00000-of-00002.parquet", encoded[:2], [0, 1], metadata)
        write_parquet(below / "train-00001-of-00002.parquet", encoded[2:4], [0, 1], metadata)
        write_parquet(below / f"{test}-00000-of-00001.parquet", encoded[4:], [0, 1], metadata)

    return write_set


@pytest.mark.parametrize("folder", ["", "data"])
@pytest.mark.parametrize("test", ["test", "val", "valid", "validation"])
def test_pixels_labels_and_names_are_read(
    root: Path, images: Pixels, write: Callable[..., None], test: str, folder: str
) -> None:
    write(HUB_METADATA, test, folder)
    data = open_data("parquet", root)
    assert data.class_names == ("cat", "dog")
    np.testing.assert_array_equal(data.train.images.permute(0, 2, 3, 1), images[:4])
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), images[4:])
    assert data.train.labels.tolist() == [0, 1, 0, 1]
    assert data.test.labels.tolist() == [0, 1]


def test_splits_that_are_not_used_are_named(root: Path, write: Callable[..., None]) -> None:
    write()
    write(test="validation")
    open_data("parquet", root)
    assert data_notices("parquet", root) == ("validation beside train and test is not used",)


def test_class_names_that_look_alike_are_named(root: Path, write: Callable[..., None]) -> None:
    write({"class_names": ["caf\u00e9", "cafe\u0301"]})
    open_data("parquet", root)
    (notice,) = data_notices("parquet", root)
    assert notice.endswith(r": 'caf\xe9' and 'cafe\u0301'")


@pytest.mark.parametrize(
    ("metadata", "class_names"),
    [
        ({"class_names": ["cat", "dog"]}, ("cat", "dog")),
        (HUB_METADATA, ("cat", "dog")),
        ({"huggingface": {"info": {}}}, ("class 0", "class 1")),
        ({}, ("class 0", "class 1")),
    ],
)
def test_class_names_come_from_the_metadata(
    root: Path, write: Callable[..., None], metadata: object, class_names: tuple[str, ...]
) -> None:
    write(metadata)
    assert open_data("parquet", root).class_names == class_names


def test_a_uri_is_a_root(root: Path, write: Callable[..., None]) -> None:
    write()
    local, by_uri = open_data("parquet", root), open_data("parquet", root.as_uri())
    assert by_uri.fingerprint == local.fingerprint


def test_files_on_another_filesystem_are_read(root: Path, write: Callable[..., None]) -> None:
    write()
    elsewhere = Place(fs.SubTreeFileSystem(str(root.parent), fs.LocalFileSystem()), root.name)
    assert elsewhere.local is None
    source = parquet.find(elsewhere)
    assert source is not None
    assert [stamp.size > 0 for stamp in source.files] == [True] * 3
    assert source.read().train.labels.tolist() == [0, 1, 0, 1]


def test_the_hubs_cifar100_columns_and_plain_bytes_are_read(
    root: Path, images: Pixels, encoded: list[bytes]
) -> None:
    for split in ("train", "test"):
        table = pa.table({"img": encoded, "fine_label": [0, 1] * 3, "coarse_label": [5] * 6})
        pq.write_table(table, root / f"{split}-00000-of-00001.parquet")
    data = open_data("cifar100", root)
    np.testing.assert_array_equal(data.train.images.permute(0, 2, 3, 1), images)
    assert data.train.labels.tolist() == [0, 1] * 3
    assert data.mean == (0.5071, 0.4866, 0.4409)


def test_statistics_of_an_unknown_set_are_computed(
    root: Path, images: Pixels, write: Callable[..., None]
) -> None:
    write()
    data = open_data("parquet", root)
    np.testing.assert_allclose(data.mean, (images[:4] / 255).mean((0, 1, 2)))
    np.testing.assert_allclose(data.std, (images[:4] / 255).std((0, 1, 2)))


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("train-00001-of-00002.parquet", "1 of the 2 files train"),
        ("test-00000-of-00001.parquet", "test-.* is missing"),
    ],
)
def test_missing_files_are_named(
    root: Path, write: Callable[..., None], missing: str, message: str
) -> None:
    write()
    (root / missing).unlink()
    with pytest.raises(InputError, match=message):
        open_data("parquet", root)


def test_labels_out_of_range_are_named(
    root: Path, encoded: list[bytes], write: Callable[..., None], write_parquet: Callable[..., None]
) -> None:
    write(HUB_METADATA)
    write_parquet(root / "train-00001-of-00002.parquet", encoded[:3], [2, -1, None], HUB_METADATA)
    with pytest.raises(InputError, match=r"training labels outside 0 to 1: 0\.png \(row 0") as info:
        open_data("parquet", root)
    assert "2.png (row 2 of train-00001-of-00002.parquet)" in str(info.value)


def test_null_images_are_named(
    root: Path, encoded: list[bytes], write: Callable[..., None], write_parquet: Callable[..., None]
) -> None:
    write()
    write_parquet(root / "test-00000-of-00001.parquet", [*encoded, None], [0, 1] * 3 + [1])
    with pytest.raises(InputError, match=r"test images .*: 6\.png \(row 6"):
        open_data("parquet", root)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"picture": [b""], "label": [0]}, "has columns picture, label: it needs one of image"),
        ({"image": [b""], "kind": [0]}, "it needs .* one of label"),
        ({"image": ["a"], "label": [0]}, "image is string: it must be"),
        ({"image": [{"path": "a"}], "label": [0]}, "it must be struct<bytes"),
        ({"image": [b""], "label": ["cat"]}, "label is string: it must be an integer"),
    ],
)
def test_other_columns_are_refused(
    root: Path, columns: dict[str, list[object]], message: str
) -> None:
    for split in ("train", "test"):
        pq.write_table(pa.table(columns), root / f"{split}.parquet")
    with pytest.raises(InputError, match=message):
        open_data("parquet", root)


@pytest.mark.parametrize("name", ["image", "label"])
def test_two_columns_of_one_name_are_refused(root: Path, encoded: list[bytes], name: str) -> None:
    columns = {"image": pa.array(encoded), "label": pa.array([0, 1] * 3)}
    arrays = [*columns.values(), columns[name]]
    for split in ("train", "test"):
        table = pa.Table.from_arrays(arrays, ["image", "label", name])
        pq.write_table(table, root / f"{split}.parquet")
    with pytest.raises(InputError, match=f"train.parquet has several columns {name}: leave one"):
        open_data("parquet", root)


def test_a_file_that_is_not_parquet_is_named(root: Path, write: Callable[..., None]) -> None:
    write()
    (root / "train-00000-of-00002.parquet").write_bytes(b"not Parquet")
    with pytest.raises(InputError, match=r"00000-of-00002\.parquet cannot be read as Parquet"):
        open_data("parquet", root)


def test_class_names_that_cannot_be_read_are_refused(
    root: Path, write: Callable[..., None]
) -> None:
    write({"huggingface": ["no", "object"]})
    with pytest.raises(InputError, match="class names that cannot be read"):
        open_data("parquet", root)


def test_an_empty_set_is_refused(root: Path, write_parquet: Callable[..., None]) -> None:
    for split in ("train", "test"):
        write_parquet(root / f"{split}-00000-of-00001.parquet", [], [])
    with pytest.raises(InputError, match="no training images; there are no test images"):
        open_data("parquet", root)


def write_columns(file: Path, encoded: list[bytes], **labels: list[int]) -> None:
    pq.write_table(pa.table({"image": encoded, **labels}), file)


def test_a_choice_between_columns_is_told(root: Path, encoded: list[bytes]) -> None:
    for name in ("train", "test"):
        file = root / f"{name}-00000-of-00001.parquet"
        write_columns(file, encoded[:2], fine_label=[1, 0], label=[0, 1])
    assert open_data("parquet", root).train.labels.tolist() == [0, 1]
    assert data_notices("parquet", root) == (
        "labels are those of column label, and fine_label beside it not used",
    )


def test_files_with_other_label_columns_are_refused(root: Path, encoded: list[bytes]) -> None:
    labels = [0, 1, 2] * 2
    write_columns(root / "train-00000-of-00002.parquet", encoded, fine_label=labels)
    write_columns(root / "train-00001-of-00002.parquet", encoded, fine_label=labels, label=[0] * 6)
    write_columns(root / "test-00000-of-00001.parquet", encoded, fine_label=labels)
    with pytest.raises(
        InputError,
        match=r"train-00000-of-00002\.parquet has image and fine_label, "
        r"train-00001-of-00002\.parquet has image and label and fine_label",
    ):
        open_data("parquet", root)


def test_class_names_in_another_order_are_refused(
    root: Path, encoded: list[bytes], write_parquet: Callable[..., None]
) -> None:
    write_parquet(root / "train.parquet", encoded, [0, 1] * 3, {"class_names": ["cat", "dog"]})
    write_parquet(root / "test.parquet", encoded, [0, 1] * 3, {"class_names": ["dog", "cat"]})
    with pytest.raises(InputError, match=r"class 0 is 'cat' in train\.parquet and 'dog' in test"):
        open_data("parquet", root)


def test_class_names_of_one_file_serve_all(
    root: Path, encoded: list[bytes], write_parquet: Callable[..., None]
) -> None:
    write_parquet(root / "train.parquet", encoded, [0, 1] * 3)
    write_parquet(root / "test.parquet", encoded, [0, 1] * 3, {"class_names": ["cat", "dog"]})
    assert open_data("parquet", root).class_names == ("cat", "dog")


@pytest.mark.parametrize("names", ["cats", {"cat": 0}, ["cat", "cat"]])
def test_class_names_that_are_no_list_of_names_are_refused(
    root: Path, write: Callable[..., None], names: object
) -> None:
    write({"class_names": names})
    with pytest.raises(InputError, match=r"class names that cannot be read|the same name"):
        open_data("parquet", root)


def test_a_label_beyond_the_number_of_images_is_refused(
    root: Path, encoded: list[bytes], write_parquet: Callable[..., None]
) -> None:
    for split in ("train", "test"):
        write_parquet(root / f"{split}.parquet", encoded, [0, 1, 2, 3, 4, 2**40])
    with pytest.raises(InputError, match=f"12 images and a label {2**40} in column label"):
        open_data("parquet", root)
