"""ImageNet's path with four workers, on a tiny tree of its shape: each decodes its own share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ray
from PIL import Image
from rich.console import Console

from pckd.distributed.driver import run_study
from pckd.distributed.session import QUIET
from pckd.progress import Display
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.spec import StudySpec

pytestmark = pytest.mark.faults
CLASSES = ("n01440764", "n01443537", "n01484850", "n01491361")


@pytest.fixture(name="photographs")
def _photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four classes of four training images and a test image each, JPEGs of many sizes."""
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for split, images in (("train", 4), ("val", 1)):
        for label, name in enumerate(CLASSES):
            folder = tmp_path / "imagenet" / split / name
            folder.mkdir(parents=True)
            for image in range(images):
                height, width = random.integers(40, 90, 2)
                pixels = random.integers(0, 60, (height, width, 3), dtype=np.uint8)
                pixels += np.uint8(60 * label)
                Image.fromarray(pixels).save(folder / f"{name}_{image}.JPEG")
    return tmp_path / "imagenet"


@pytest.fixture(name="four_cpus")
def _four_cpus(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster of four CPUs, though the machine may have fewer."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    ray.init("local", num_cpus=4, log_to_driver=False)
    yield
    ray.shutdown()


def _study(photographs: Path, workers: int) -> StudySpec:
    """KD and centre alignment, without rotations; batches of 8 images in two parts of 4."""
    values = {
        "study": "imagenet",
        "run": {
            "data": {"name": "imagenet", "root": str(photographs), "loader_workers": 0},
            "teacher": {"model": "resnet8", "optimization": {"epochs": 1, "batch_size": 8}},
            "student": "resnet8",
            "loss": {"center_contrast": 0, "feature_alignment": 0},
            # Small steps: rounding differs with the workers, and large steps would amplify it.
            "optimization": {
                "epochs": 2,
                "batch_size": 8,
                "accumulation": 2,
                "learning_rate": 1e-4,
            },
        },
        "resources": {"workers": workers},
    }
    return validate(StudySpec, values, "the smoke run")


@pytest.mark.usefixtures("four_cpus")
def test_four_workers_train_what_one_does(photographs: Path, tmp_path: Path) -> None:
    display = Display(Console(quiet=True))
    epochs = {}
    for workers in (1, 4):
        storage = Storage(tmp_path / str(workers))
        if workers == 4:  # One teacher for both: its steps are large, so that rounding would show.
            shutil.copytree(tmp_path / "1/teachers", tmp_path / "4/teachers")
        run_study(_study(photographs, workers), storage, display)
        (row,) = pd.read_parquet(tmp_path / f"{workers}/imagenet/trials").to_dict("records")
        assert (row["status"], row["workers"]) == ("completed", workers)
        assert (row["train_images"], row["num_classes"]) == (16, 4)
        epochs[workers] = pd.read_parquet(tmp_path / f"{workers}/imagenet/epochs")
    assert len(epochs[4]) == 2
    assert np.isfinite(epochs[4]["loss_total"]).all()
    losses = [
        [[total, *(term["loss"] for term in terms)] for total, terms in zip(*columns, strict=True)]
        for columns in ((each["loss_total"], each["terms"]) for each in (epochs[1], epochs[4]))
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
