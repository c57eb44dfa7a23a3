"""Identity of runs: configuration with seed, images, and the code that computes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import Field

import pckd
from pckd.settings import validate
from pckd.study.schema import CONFIG_COLUMNS
from pckd.training import code, identity, imports
from pckd.training.changes import changed_run
from pckd.training.code import code_of, core_files
from pckd.training.config import (
    DataConfig,
    OptimizationConfig,
    PreviewConfig,
    RunConfig,
    TeacherConfig,
    ViewConfig,
)
from pckd.training.identity import run_identity
from pckd.training.run_data import prepare_data

BASE = {"data": {"name": "digits", "classes": [0, 1, 2]}, "student": "resnet8"}
BASE |= {"teacher": "resnet14"}


def run(changes: dict[str, Any]) -> RunConfig:
    return validate(RunConfig, changed_run(BASE, changes), "run")


OTHER: dict[str, Any] = {
    "data.name": "cifar100",
    "data.classes": [0, 2, 1],
    "data.images_per_class": 20,
    "data.image_size": 16,
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


HELD_OUT = {"data.holdout_fraction": 0.2, "data.holdout_seed": 1}
"""Likewise of what decides where images are held out."""


@pytest.fixture
def same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data = prepare_data(run({}).data, "paper")
    monkeypatch.setattr(identity, "prepare_data", lambda config, protocol: data)


def test_the_table_of_leaves_is_complete() -> None:
    leaves = {name.removeprefix("config.") for name, _, _ in CONFIG_COLUMNS} - {"method"}
    named = {key for key in OTHER if not key.startswith("loss.")}
    assert leaves == named | PLACE.keys() | HELD_OUT.keys()


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize("key", OTHER)
def test_every_leaf_counts(key: str) -> None:
    assert run_identity(run({key: OTHER[key]})) != run_identity(run({}))


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize("key", PLACE)
def test_where_the_images_come_from_does_not_count(key: str) -> None:
    assert run_identity(run({key: PLACE[key]})) == run_identity(run({}))


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize("key", HELD_OUT)
def test_how_images_are_held_out_counts_where_some_are(key: str) -> None:
    change, held_out = {key: HELD_OUT[key]}, {"protocol": "holdout"}
    assert run_identity(run(change)) == run_identity(run({}))
    assert run_identity(run(change | held_out)) != run_identity(run(held_out))


PLAIN = {"method": "cross_entropy"}
UNREAD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another name for the same terms": ({"method": "pckd"}, {"loss.kd": 1.0}),
    "temperature of a term that is off": (
        {"loss.center_contrast": 0},
        {"loss.center_contrast": 0, "loss.center_contrast.temperature": 0.2},
    ),
    "weight 0 and no term": (PLAIN, PLAIN | {"loss.kd": 0}),
    "order of the weighted terms": (
        {"preview.applies_to": ["kd", "center_contrast"]},
        {"preview.applies_to": ["center_contrast", "kd"]},
    ),
    "growth rate without preview": (
        {"preview.strategy": "none"},
        {"preview.strategy": "none", "preview.growth_rate": 1.01},
    ),
    "growth rate of the focal loss": (
        {"preview.strategy": "focal"},
        {"preview.strategy": "focal", "preview.growth_rate": 1.01},
    ),
    "preview of a term that is off": (
        PLAIN | {"preview.strategy": "none"},
        PLAIN | {"preview.strategy": "preview", "preview.applies_to": []},
    ),
    "center alignment of other widths": (
        {"teacher.model": "wrn_16_2"},
        {"teacher.model": "wrn_16_2", "loss.center_alignment": 0},
    ),
    "digits of one hash": ({"teacher.hash": "0123abcd"}, {"teacher.hash": "0123abcdef"}),
    "recipe of a teacher that is named": (
        {"teacher.hash": "0123abcd"},
        {"teacher.hash": "0123abcd", "teacher.seed": 1, "teacher.optimization.epochs": 7},
    ),
    "teacher without use": (PLAIN, PLAIN | {"teacher.model": "resnet20"}),
    "bank without use": (PLAIN, PLAIN | {"bank": True}),
    "bank of stage maps": ({"method": "sp"}, {"method": "sp", "bank": True}),
}
"""Pairs of changes that compute the same."""


@pytest.mark.usefixtures("same_images")
@pytest.mark.parametrize(("one", "other"), UNREAD.values(), ids=UNREAD)
def test_what_a_run_does_not_read_does_not_count(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert run_identity(run(one)) == run_identity(run(other))


@pytest.mark.usefixtures("same_images")
def test_a_key_that_is_added_changes_no_stored_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(ViewConfig):
        cutout: int = Field(0, json_schema_extra={"absent": 0})

    before, config = run_identity(run({})), run({})
    later = {cutout: config.model_copy(update={"views": Later(cutout=cutout)}) for cutout in (0, 4)}
    assert run_identity(later[0]) == before != run_identity(later[4])


def test_every_key_is_known_or_says_what_its_absence_means() -> None:
    """A new key needs `json_schema_extra={"absent": VALUE}`: see `identity.ABSENT`."""
    known = set((Path(__file__).parent / "run_keys.txt").read_text().split())
    kinds = (DataConfig, OptimizationConfig, PreviewConfig, ViewConfig, TeacherConfig, RunConfig)
    fields = {
        f"{kind.__name__}.{name}": field
        for kind in kinds
        for name, field in kind.model_fields.items()
    }
    assert known <= fields.keys()
    for name in fields.keys() - known:
        extra = fields[name].json_schema_extra
        assert isinstance(extra, dict), name
        assert "absent" in extra, name


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


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources, which versions are made from."""
    root = tmp_path_factory.mktemp("sources") / "pckd"
    shutil.copytree(Path(pckd.__file__).parent, root, ignore=shutil.ignore_patterns("studies"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "root", lambda: root)
        patch.setattr(imports, "root", lambda: root)
        patch.setattr(code, "source_file", lambda name: root / "models" / "resnet.py")
        patch.setattr(code, "term_file", lambda name: root / "method/terms" / f"{name}.py")
        yield root
    forget()


@pytest.fixture(scope="module")
def unchanged(sources: Path) -> str:
    """The version of the sources as they are."""
    return version()


def forget() -> None:
    for cached in (code.core_files, code.closure, code._hash_of, imports.tree):
        cached.cache_clear()


def version() -> str:
    forget()
    return code_of(terms=["kd", "rkd"], networks=["resnet8"])


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file rewritten for a while."""
    old = path.read_text() if path.exists() else ""
    assert change(old) != old
    path.write_text(change(old))
    try:
        yield
    finally:
        path.write_text(old) if old else path.unlink()


SAME: dict[str, tuple[str, Callable[[str], str]]] = {
    "comment": ("method/terms/kd.py", lambda code: f"# A remark.\n{code}  # Another.\n"),
    "docstring": ("method/terms/kd.py", lambda code: code.replace('"""', '"""Or: ', 1)),
    "layout": ("training/run.py", lambda code: code.replace("\n\n", "\n\n\n")),
    "message": ("training/record.py", lambda code: code.replace("not finite", "no number")),
    "another package": ("study/plan.py", lambda code: code + "ANSWER = 42\n"),
    "documentation": ("training/notes.md", lambda code: code + "A note."),
    "a new term": ("method/terms/new.py", lambda code: code + "ANSWER = 42\n"),
    "another term": ("method/terms/sp.py", lambda code: code + "ANSWER = 42\n"),
    "what another term needs": ("method/stage_maps.py", lambda code: code + "ANSWER = 42\n"),
    "another network": ("models/vgg.py", lambda code: code + "ANSWER = 42\n"),
    "a new form of files": ("data/forms/new.py", lambda code: code + "ANSWER = 42\n"),
    "names": ("models/names.py", lambda code: code + "ANSWER = 42\n"),
    "settings": ("training/config/run.py", lambda code: code + "ANSWER = 42\n"),
}
DIFFERENT: dict[str, tuple[str, Callable[[str], str]]] = {
    "number": ("training/learning_rate.py", lambda code: code.replace("1.0", "2.0")),
    "operator": ("method/terms/kd.py", lambda code: code.replace("**2", "**3")),
    "text that is data": ("method/objective.py", lambda code: code + "NAME = 'other'\n"),
    "its network": ("models/resnet.py", lambda code: code + "ANSWER = 42\n"),
    "what its network needs": ("models/layers.py", lambda code: code + "ANSWER = 42\n"),
    "what its term needs": ("method/relations.py", lambda code: code + "ANSWER = 42\n"),
    "views": ("data/views.py", lambda code: code + "ANSWER = 42\n"),
}


@pytest.mark.parametrize(("file", "change"), SAME.values(), ids=SAME)
def test_code_that_computes_the_same_has_the_same_version(
    file: str, change: Callable[[str], str], sources: Path, unchanged: str
) -> None:
    with changed(sources / file, change):
        assert version() == unchanged


@pytest.mark.parametrize(("file", "change"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_code_has_another_version(
    file: str, change: Callable[[str], str], sources: Path, unchanged: str
) -> None:
    with changed(sources / file, change):
        assert version() != unchanged


def test_the_code_that_all_runs_share(sources: Path) -> None:
    """Every stored run ends where this list or one of its files changes: see that it is meant."""
    stored = (Path(__file__).parent / "core_files.txt").read_text().split()
    forget()
    assert sorted(file.relative_to(sources).as_posix() for file in core_files()) == stored
