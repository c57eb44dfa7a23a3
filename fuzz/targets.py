"""What is damaged, and who reads it."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from pckd.data import open_data
from pckd.models import create_model
from pckd.storage import Storage
from pckd.study.planning import check_plan
from pckd.study.results import ResultsStore
from pckd.study.schema import SCHEMAS
from pckd.study.study_file import read_study
from pckd.training.importing import read_network
from pckd.training.network_file import TrainedNetwork

STUDIES = Path(__file__).parent.parent / "studies"


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of file.

    Attributes:
        samples: Whole files, by the name that a damaged one gets.
        read: Reads a damaged file of that name in an empty folder.
    """

    samples: Callable[[], Sequence[tuple[str, bytes]]]
    read: Callable[[Path, str], object]


def _studies() -> list[tuple[str, bytes]]:
    texts = [file.read_bytes() for file in (STUDIES / "demo.yaml", STUDIES / "search.yaml")]
    return [("study.yaml", text) for text in texts]


def _read_study(folder: Path, name: str) -> None:
    check_plan(read_study(folder / name, {}))


def _network() -> TrainedNetwork:
    return TrainedNetwork(
        model="resnet8",
        state=create_model("resnet8", num_classes=3).state_dict(),
        class_names=["cat", "dog", "emu"],
        mean=[0.5] * 3,
        std=[0.25] * 3,
        image_size=[32, 32],
        data="cifar100",
        data_fingerprint="made",
        trial="made",
        test_top1=50.0,
    )


def _checkpoints() -> list[tuple[str, bytes]]:
    network, stream = _network(), io.BytesIO()
    torch.save({"model": network.state, "epoch": 3}, stream)
    return [("network.pt", network.to_bytes()), ("peer.pth", stream.getvalue())]


def _read_checkpoint(folder: Path, name: str) -> None:
    file = folder / name
    if name == "peer.pth":
        read_network(file, "resnet8", "cifar100")
    else:
        read_network(file, None, "cifar100").network(torch.device("cpu"))


def _pixels(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed)
    return Image.fromarray(noise.integers(0, 256, (16, 16, 3), dtype=np.uint8))


def _encoded(form: str, seed: int = 0) -> bytes:
    stream = io.BytesIO()
    _pixels(seed).save(stream, form)
    return stream.getvalue()


def _tables() -> list[tuple[str, bytes]]:
    images = [{"bytes": _encoded("PNG", seed), "path": f"{seed}.png"} for seed in range(20)]
    labels = [number % 2 for number in range(20)]
    shard, rows = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table({"image": images, "label": labels}), shard)
    texts = {f.name: "x" for f in SCHEMAS["trials"] if pa.types.is_string(f.type)}
    pq.write_table(pa.Table.from_pylist([texts] * 3, SCHEMAS["trials"].empty_table().schema), rows)
    return [("train.parquet", shard.getvalue()), ("rows.parquet", rows.getvalue())]


def _read_table(folder: Path, name: str) -> None:
    if name == "train.parquet":
        (folder / "test.parquet").write_bytes(dict(_tables())[name])
        open_data("parquet", folder)
    else:
        (folder / "study/trials").mkdir(parents=True)
        (folder / name).rename(folder / "study/trials" / name)
        ResultsStore(Storage(folder), "study").read("trials")


FORMS: Mapping[str, str] = {
    "bmp": "BMP",
    "gif": "GIF",
    "jpg": "JPEG",
    "png": "PNG",
    "ppm": "PPM",
    "tif": "TIFF",
    "webp": "WEBP",
}


def _images() -> list[tuple[str, bytes]]:
    return [(f"image.{suffix}", _encoded(form)) for suffix, form in FORMS.items()]


def _read_image(folder: Path, name: str) -> None:
    for split in ("train", "test"):
        for seed, class_name in enumerate(("cat", "dog")):
            (folder / split / class_name).mkdir(parents=True)
            (folder / split / class_name / "whole.png").write_bytes(_encoded("PNG", seed))
    (folder / name).rename(folder / "train/cat" / name)
    open_data("folder", folder, image_size=16)


TARGETS = {
    "study files": Target(_studies, _read_study),
    "checkpoints": Target(_checkpoints, _read_checkpoint),
    "Parquet files": Target(_tables, _read_table),
    "images": Target(_images, _read_image),
}
