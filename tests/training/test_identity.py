"""What makes two runs the same: configuration with seed, images, and the code that computes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pckd
from pckd.settings import validate
from pckd.study.schema import CONFIG_COLUMNS
from pckd.training import identity
from pckd.training.changes import changed_run
from pckd.training.config import RunConfig
from pckd.training.identity import code_version, run_identity

BASE = {"data": {"name": "digits", "classes": [0, 1, 2]}, "student": "resnet8"}
BASE |= {"teacher": "resnet14"}


def run(changes: dict[str, Any]) -> RunConfig:
    return validate(RunConfig, changed_run(BASE, changes), "run")


OTHER: dict[str, Any] = {
    "data.name": "cifar100",
    "data.classes": [0, 2, 1],
    "data.images_per_class": 20,
    "data.image_size": 16,
    "data.holdout_fraction": 0.2,
    "data.holdout_seed": 1,
    "student": "resnet14",
    "teacher.model": "resnet20",
    "teacher.seed": 1,
    "teacher.hash": "0123abcd",
    **{
        f"{prefix}optimization.{key}": value
        for prefix in ("", "teacher.")
        for key, value in {
            "epochs": 7,
            "warmup_epochs": 1,
            "batch_size": 32,
            "learning_rate": 0.02,
            "momentum": 0.8,
            "weight_decay": 1e-4,
            "decay_at": [0.5],
            "decay_factor": 0.2,
            "accumulation": 2,
            "precision": "bf16",
            "compile": "default",
        }.items()
    },
    "loss.cross_entropy": 0.5,
    "loss.kd": 1.0000000001,
    "loss.center_contrast": 0.0,
    "loss.feature_alignment": 2.0,
    "loss.center_alignment": 2.0,
    "loss.kd.temperature": 2.0,
    "loss.center_contrast.form": "release",
    "loss.center_contrast.temperature": 0.2,
    "loss.feature_alignment.width": 4,
    "preview.strategy": "focal",
    "preview.growth_rate": 1.01,
    "preview.applies_to": ["kd"],
    "views.crop_padding": 1,
    "views.flip": False,
    "protocol": "holdout",
    "seed": 1,
    "bank": True,
    "scale": "smoke",
}
"""Another value for each leaf of the configuration that decides numbers."""


PLACE = {"data.root": "elsewhere", "data.download": True, "data.loader_workers": 7}
"""Likewise of what must not decide any."""


@pytest.fixture
def same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "data_fingerprint", lambda config, protocol: "fingerprint")


def test_the_table_of_leaves_is_complete() -> None:
    leaves = {name.removeprefix("config.") for name, _, _ in CONFIG_COLUMNS} - {"method"}
    assert leaves == {key for key in OTHER if not key.startswith("loss.")} | PLACE.keys()


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize("key", OTHER)
def test_every_leaf_counts(key: str) -> None:
    assert run_identity(run({key: OTHER[key]})) != run_identity(run({}))


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize("key", PLACE)
def test_where_the_images_come_from_does_not_count(key: str) -> None:
    assert run_identity(run({key: PLACE[key]})) == run_identity(run({}))


def test_what_the_images_are_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)

    def identity_of(root: str) -> str:
        for number, image in enumerate(pixels):
            split, label = ("train", "test")[number % 2], "ab"[number // 4]
            folder = tmp_path / root / split / label
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
        return run_identity(
            run({"data.name": "folder", "data.root": str(tmp_path / root), "data.classes": None})
        )

    first, moved = identity_of("first"), identity_of("moved")
    pixels[0, 0, 0, 0] ^= 1
    assert first == moved != identity_of("changed")


def test_it_is_the_same_in_another_process() -> None:
    config = run({"seed": 5})
    program = (
        "from pckd.training.config import RunConfig\n"
        "from pckd.training.identity import run_identity\n"
        f"print(run_identity(RunConfig.model_validate_json({config.model_dump_json()!r})))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == run_identity(config)
    assert len(run_identity(config)) == 12


@pytest.fixture
def changes_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Rewrite a file of a copy of the sources: does the copy's version change?"""
    root = tmp_path / "pckd"
    shutil.copytree(Path(pckd.__file__).parent, root)
    origin = SimpleNamespace(origin=str(root / "__init__.py"))
    monkeypatch.setattr(identity, "find_spec", lambda name: origin)

    def rewrite(file: str, change: Callable[[str], str]) -> bool:
        before, path = code_version.__wrapped__(), root / file
        old = path.read_text() if path.exists() else ""
        assert change(old) != old
        path.write_text(change(old))
        return code_version.__wrapped__() != before

    return rewrite


SAME: dict[str, tuple[str, Callable[[str], str]]] = {
    "comment": ("method/terms/kd.py", lambda code: f"# A remark.\n{code}  # Another.\n"),
    "docstring": ("method/terms/kd.py", lambda code: code.replace('"""', '"""Or: ', 1)),
    "layout": ("training/config.py", lambda code: code.replace("\n\n", "\n\n\n")),
    "another package": ("study/plan.py", lambda code: code + "ANSWER = 42\n"),
    "documentation": ("training/notes.md", lambda code: code + "A note."),
}
DIFFERENT: dict[str, tuple[str, Callable[[str], str]]] = {
    "number": ("training/config.py", lambda code: code.replace("5e-4", "6e-4")),
    "operator": ("method/terms/kd.py", lambda code: code.replace("**2", "**3")),
    "text that is data": ("method/objective.py", lambda code: code + "NAME = 'other'\n"),
    "new file": ("data/forms/new.py", lambda code: code + "ANSWER = 42\n"),
}


@pytest.mark.parametrize(("file", "change"), SAME.values(), ids=SAME)
def test_code_that_computes_the_same_has_the_same_version(
    file: str, change: Callable[[str], str], changes_version: Callable[..., bool]
) -> None:
    assert not changes_version(file, change)


@pytest.mark.parametrize(("file", "change"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_code_has_another_version(
    file: str, change: Callable[[str], str], changes_version: Callable[..., bool]
) -> None:
    assert changes_version(file, change)
