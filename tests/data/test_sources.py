"""Decoded images are decoded again when one of their sources changes."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from numpy.typing import NDArray
from PIL import Image
from pyarrow import fs

from pckd.data import open_data
from pckd.data.place import FileStamp, Place
from pckd.files.hub import always_fresh

Pixels = NDArray[np.uint8]
WNIDS = ("n01", "n02", "n03")


@pytest.fixture
def tiny(root: Path, random_pixels: Callable[..., Pixels]) -> Path:
    """A TinyImageNet tree of three classes, two training and two validation images each."""
    pixels, lines = iter(random_pixels(12, 8, 8, 3)), []
    (root / "val/images").mkdir(parents=True)
    for wnid in WNIDS:
        (root / "train" / wnid / "images").mkdir(parents=True)
        for number in range(2):
            Image.fromarray(next(pixels)).save(root / f"train/{wnid}/images/{number}.JPEG")
            Image.fromarray(next(pixels)).save(root / f"val/images/{wnid}_{number}.JPEG")
            lines.append(f"{wnid}_{number}.JPEG\t{wnid}\t0\t0\t7\t7\n")
    (root / "val/val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("\n".join(WNIDS))
    return root


def outcome(name: str, root: Path) -> object:
    """The data set's fingerprint, or why it is refused."""
    try:
        return open_data(name, root).fingerprint
    except Exception as error:
        return str(error)


def check_seen(name: str, root: Path, cache: Path, change: Callable[[], object]) -> None:
    """A change is seen at once, and as it is seen by an empty cache."""
    before = outcome(name, root)
    change()
    seen = outcome(name, root)
    shutil.rmtree(cache)
    assert seen == outcome(name, root)
    assert seen != before


def in_place_unseen(file: Path, content: bytes) -> None:
    """Write a content of the same length over a file and set its time back."""
    status = file.stat()
    assert len(content) == status.st_size
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


TINY_CHANGES: dict[str, Callable[[Path], object]] = {
    "labels": lambda root: (root / "val/val_annotations.txt").write_text(
        (root / "val/val_annotations.txt")
        .read_text()
        .replace("\tn01", "\tn00")
        .replace("\tn02", "\tn01")
        .replace("\tn00", "\tn02")
    ),
    "labels, their time set back": lambda root: in_place_unseen(
        root / "val/val_annotations.txt",
        (root / "val/val_annotations.txt").read_bytes().replace(b"\tn01", b"\tn03"),
    ),
    "the class list": lambda root: (root / "wnids.txt").write_text("n01\nn02"),
    "an image": lambda root: Image.new("RGB", (8, 8)).save(root / "train/n01/images/0.JPEG"),
    "a further class": lambda root: (root / "train/n04").mkdir(),
}


@pytest.mark.parametrize("change", TINY_CHANGES)
def test_tiny_imagenet(tiny: Path, cache_folder: Path, change: str) -> None:
    check_seen("tiny-imagenet", tiny, cache_folder, lambda: TINY_CHANGES[change](tiny))


FOLDER_CHANGES: dict[str, Callable[[Path], object]] = {
    "an empty class": lambda root: (root / "train/emu").mkdir(),
    "the name of a class": lambda root: [
        (root / split / "cat").rename(root / split / "cow") for split in ("train", "test")
    ],
    "an image of another class": lambda root: (root / "train/cat/000.png").rename(
        root / "train/dog/000.png"
    ),
    "an image that is gone": lambda root: (root / "train/cat/000.png").unlink(),
    "the pixels of an image": lambda root: Image.new("RGB", (8, 8)).save(root / "test/cat/000.png"),
}


@pytest.mark.parametrize("change", FOLDER_CHANGES)
def test_class_folders(
    root: Path,
    cache_folder: Path,
    random_pixels: Callable[..., Pixels],
    write_folder: Callable[..., None],
    change: str,
) -> None:
    for split in ("train", "test"):
        write_folder(root / split, random_pixels(6, 8, 8, 3), ["cat", "cat", "cat", *["dog"] * 3])
    check_seen("folder", root, cache_folder, lambda: FOLDER_CHANGES[change](root))


@pytest.mark.parametrize("changed", ["labels", "class names", "the split of a file"])
def test_parquet_files(
    root: Path,
    cache_folder: Path,
    random_pixels: Callable[..., Pixels],
    encode: Callable[..., bytes],
    write_parquet: Callable[..., None],
    changed: str,
) -> None:
    images = [encode(image) for image in random_pixels(12, 8, 8, 3)]

    def write_all(class_names: list[str]) -> None:
        for part, name in enumerate(("train-a", "train-b", "test-a")):
            write_parquet(
                root / f"{name}.parquet",
                images[4 * part : 4 * part + 4],
                [0, 1, 0, 1],
                {"class_names": class_names},
            )

    write_all(["cat", "dog"])
    changes: dict[str, Callable[[], object]] = {
        "labels": lambda: pq.write_table(
            pq.read_table(root / "train-a.parquet").set_column(1, "label", pa.array([1, 0, 0, 1])),
            root / "train-a.parquet",
        ),
        "class names": lambda: write_all(["cat", "cow"]),
        "the split of a file": lambda: (root / "train-b.parquet").rename(root / "test-b.parquet"),
    }
    check_seen("parquet", root, cache_folder, changes[changed])


def test_another_decoder(tiny: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_data("tiny-imagenet", tiny)
    monkeypatch.setattr("PIL.__version__", "0.0")
    open_data("tiny-imagenet", tiny)
    assert len(list(cache_folder.glob("tiny-imagenet-*.pt"))) == 2


class Hub(MemoryFileSystem):  # type: ignore[misc]
    """Files in memory of which no time is known, but a hash, as on the hub."""

    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs: list[str] = [""]  # noqa: RUF012

    def ls(self, path: str, detail: bool = True, **kwargs: object) -> Any:  # noqa: ANN401
        entries = super().ls(path, detail=True, **kwargs)
        for entry in entries:
            entry.pop("created", None)
            if entry["type"] == "file":
                content = self.store[entry["name"]].getvalue()
                entry["blob_id"] = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        return entries if detail else [entry["name"] for entry in entries]


def test_a_file_on_the_hub_whose_size_stayed() -> None:
    hub = Hub()
    hub.pipe("/datasets/a/b/train.parquet", b"one")
    place = Place(always_fresh(fs.PyFileSystem(fs.FSSpecHandler(hub))), "/datasets/a/b")
    (before,) = place.files()
    assert [stamp.key for stamp in place.files()] == [before.key]
    hub.pipe("/datasets/a/b/train.parquet", b"two")
    (after,) = place.files()
    assert (after.size, after.modified) == (before.size, before.modified)
    assert after.key != before.key
    assert FileStamp("/a", 3, 9).key == ("/a", 3, 9), "what was cached before stays valid"
