"""Small files in the real formats, and a cache that no other test sees."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pckd.data import ImageData, ImageSet

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PCKD_CACHE", str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for the files of a data set."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def random_pixels() -> Callable[..., Pixels]:
    """Make random pixels of a shape such as (N, H, W, 3)."""

    def make(*shape: int, seed: int = 0) -> Pixels:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encode pixels [H, W, 3] or [H, W] as a PNG or another file that Pillow writes."""

    def encode_image(pixels: Pixels, form: str = "PNG") -> bytes:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, form)
        return stream.getvalue()

    return encode_image


@pytest.fixture
def write_folder(encode: Callable[..., bytes]) -> Callable[..., None]:
    """Write images [N, H, W, 3] as PNG files FOLDER/CLASS/000.png, numbered over all classes."""

    def write(folder: Path, images: Pixels, classes: Sequence[str]) -> None:
        for number, (image, name) in enumerate(zip(images, classes, strict=True)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{number:03}.png").write_bytes(encode(image))

    return write


@pytest.fixture
def write_parquet() -> Callable[..., None]:
    """Write encoded images and labels in the hub's layout, with metadata given as objects."""

    def write(
        file: Path,
        encoded: Sequence[bytes | None],
        labels: Sequence[int | None],
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        images = [{"bytes": image, "path": f"{i}.png"} for i, image in enumerate(encoded)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table(
            {"image": pa.array(images, kind), "label": pa.array(labels, pa.int64())}
        ).replace_schema_metadata({k: json.dumps(v) for k, v in (metadata or {}).items()})
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file)

    return write


@pytest.fixture
def make_data() -> Callable[..., ImageData]:
    """Make a data set from training labels; the test split has one image of each class."""

    def make(train_labels: Sequence[int], num_classes: int) -> ImageData:
        def split(labels: torch.Tensor) -> ImageSet:
            images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
            return ImageSet(images.expand(-1, 3, 2, 2).contiguous(), labels)

        return ImageData(
            name="made",
            train=split(torch.tensor(train_labels)),
            test=split(torch.arange(num_classes)),
            class_names=tuple(f"name {label}" for label in range(num_classes)),
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            fingerprint="made",
        )

    return make


@pytest.fixture
def photographs(root: Path, random_pixels: Callable[..., Pixels]) -> Path:
    """A tree as ImageNet's: three classes, four training and two test JPEGs of many sizes each."""
    sizes = np.random.default_rng(7).integers(30, 90, (18, 2)).tolist()
    for split, number in (("train", 4), ("val", 2)):
        for name in ("n01440764", "n01443537", "n01484850"):
            folder = root / split / name
            folder.mkdir(parents=True)
            for image in range(number):
                pixels = random_pixels(*sizes.pop(), 3, seed=len(sizes))
                Image.fromarray(pixels).save(folder / f"{name}_{image}.JPEG")
    return root
