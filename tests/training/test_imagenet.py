"""Runs on a streamed set: exact whatever decodes it, and torchvision's networks from the CLI."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pckd.cli import main
from pckd.data import ImageSet
from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.outcome import read_outcome
from pckd.study.placement import Placement
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.run import Run
from pckd.training.run_data import prepare_data

CPU = torch.device("cpu")
OFF = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree as ImageNet's: three classes of eight training and eight test JPEGs of many sizes."""
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for label, name in enumerate(("n01440764", "n01443537", "n01484850")):
            folder = tmp_path / "imagenet" / split / name
            folder.mkdir(parents=True)
            for image in range(8):
                height, width = random.integers(20, 80, 2)
                pixels = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
                pixels[..., label] += 100
                Image.fromarray(pixels).save(folder / f"{name}_{image}.JPEG")
    return tmp_path / "imagenet"


@pytest.fixture
def make_config(photographs: Path) -> Callable[..., RunConfig]:
    """Plain training of the smallest network on two images a class."""

    def make(**data: Any) -> RunConfig:  # noqa: ANN401
        values = {
            "data": {"name": "imagenet", "root": str(photographs), "images_per_class": 2, **data},
            "student": "resnet8",
            "loss": OFF,
            "optimization": {"epochs": 2, "batch_size": 4},
        }
        return RunConfig.model_validate(values)

    return make


def test_a_run_is_the_same_with_any_number_of_loader_workers(
    make_config: Callable[..., RunConfig],
) -> None:
    def numbers(loader_workers: int) -> tuple[str, list[object]]:
        config = make_config(loader_workers=loader_workers)
        run = Run(config, prepare_data(config.data, config.protocol), None, CPU)
        record = run.train_epoch()
        return run_identity(config), [record.losses, record.top1, record.easy_share]

    assert numbers(0) == numbers(2)


def test_held_out_images_are_streamed_from_the_training_folder(
    make_config: Callable[..., RunConfig],
) -> None:
    config = make_config(images_per_class=8, holdout_fraction=0.25).data
    data = prepare_data(config, "holdout")
    assert (len(data.train), len(data.evaluation), len(data.test)) == (18, 6, 24)
    assert data.image_size == (224, 224)


def test_with_a_size_it_is_decoded_into_memory(make_config: Callable[..., RunConfig]) -> None:
    data = prepare_data(make_config(image_size=16).data, "paper")
    assert isinstance(data.train, ImageSet)
    assert data.image_size == (16, 16)


def test_an_image_that_is_damaged_after_opening_ends_the_trial_with_its_name(
    make_config: Callable[..., RunConfig], photographs: Path, tmp_path: Path
) -> None:
    config = make_config(loader_workers=1)
    file = photographs / "train/n01443537/n01443537_0.JPEG"
    run = Run(config, prepare_data(config.data, config.protocol), None, CPU)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match=r"n01443537_0\.JPEG"):
        run.train_epoch()

    storage = Storage(tmp_path / "results")
    trial = Trial("runs", "run", {}, config, run_identity(config))
    assert run_trial(trial, storage, Placement(CPU, 1)) == "failed"
    name = file.relative_to(photographs)
    reason = f"images below {photographs} that are missing, truncated or no images: {name}"
    assert read_outcome(trial, storage).reason == reason


def test_resnet34_teaches_resnet18_from_the_command_line(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for file in photographs.glob("val/*/*_[2-7].JPEG"):
        file.unlink()
    settings = {
        "data.images_per_class": 2,
        "data.loader_workers": 1,
        "loss.feature_alignment.width": 1,
        "optimization.epochs": 1,
        "optimization.batch_size": 3,
        "teacher.optimization.epochs": 1,
        "teacher.optimization.batch_size": 3,
    }
    arguments = ["distill", "--data", "imagenet", "--data-root", str(photographs)]
    arguments += ["--student", "torchvision/resnet18", "--teacher", "torchvision/resnet34"]
    arguments += [f"--set={key}={value}" for key, value in settings.items()]
    results = tmp_path / "results"
    monkeypatch.setattr(
        "pckd.data.streamed.available_cpus", lambda: 1
    )  # one thread, as in all tests
    monkeypatch.setattr("sys.argv", ["pckd", *arguments, "--results", str(results)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "% on the test images" in capsys.readouterr().out
    (row,) = pd.read_parquet(results / "runs" / "trials").to_dict("records")
    assert (row["status"], row["train_images"], row["num_classes"]) == ("completed", 6, 3)
    (epoch,) = pd.read_parquet(results / "runs" / "epochs").to_dict("records")
    terms = [
        "cross_entropy",
        "kd",
        "center_contrast",
        "feature_alignment",
        "center_alignment",
    ]
    assert [entry["term"] for entry in epoch["terms"]] == terms
    assert np.isfinite([epoch["loss_total"], *(entry["loss"] for entry in epoch["terms"])]).all()
