"""The Python interface: a study made, run without Ray and opened again, and what it gives."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import pckd
from pckd import analysis, data, method, models
from pckd.data import open_data, select_classes
from pckd.errors import InputError

VALUES = {
    "study": "mine",
    "run": {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 40},
        "student": "resnet8",
        "views": {"crop_padding": 1, "flip": False},
        "method": "cross_entropy",
        "optimization": {"epochs": 2, "batch_size": 16, "learning_rate": 0.02},
    },
    "cases": {"plain": {}, "faster": {"optimization.learning_rate": 0.05}},
}


@pytest.fixture(scope="module", name="study")
def _study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pckd.Study]:
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(folder / "cache"))
        yield pckd.work_on_study(pckd.make_study(VALUES), folder / "results")


def test_the_tables_are_frames(study: pckd.Study) -> None:
    again = pckd.open_study(Path(study.storage.root) / "mine")
    assert repr(again) == f"<study mine in {study.storage.root}>"
    assert set(again.trials["case"]) == {"faster", "plain"}
    assert set(again.trials["status"]) == {"completed"}
    assert again.epochs.groupby("trial")["epoch"].max().tolist() == [2, 2]
    assert again.plan["case"].tolist() == ["plain", "faster"]
    assert isinstance(again.probes, pd.DataFrame)
    assert again.verdicts.empty


def test_rows_of_earlier_plans_are_not_among_the_trials(study: pckd.Study) -> None:
    before = len(study.trials), len(study.epochs)
    study.store.write("trials", "earlier", [{"trial": "earlier", "case": "plain"}])
    study.store.write("epochs", "earlier", [{"trial": "earlier", "epoch": 1}])
    assert (len(study.trials), len(study.epochs)) == before
    assert len(study.table("trials")) == before[0] + 1


def test_a_student_is_a_module_that_takes_images_as_they_are(study: pckd.Study) -> None:
    row = study.trials.iloc[0]
    student = study.student(row["trial"][:8])
    images = select_classes(open_data("digits"), (0, 1, 2)).test
    pixels = torch.stack([batch for batch, _ in images.evaluation_batches(1)]).squeeze(1)
    labels = torch.cat([label for _, label in images.evaluation_batches(1)])
    logits = student(pixels)
    hits = (logits.argmax(1) == labels).float().mean().item()
    assert 100 * hits == pytest.approx(row["test_top1"])
    assert student.class_names == ["0", "1", "2"]
    assert not student.training
    assert torch.allclose(student(pixels / 255), logits, atol=1e-5)
    assert student.features(pixels[:2]).shape == (2, 64)
    larger = torch.nn.functional.interpolate(pixels[:2].float(), 16).to(torch.uint8)
    assert student(larger).shape == (2, 3)


def test_a_student_is_loaded_from_its_file(study: pckd.Study) -> None:
    folder = Path(study.storage.root) / "mine" / "networks"
    student = pckd.load_student(next(folder.iterdir()))
    assert student.trained.model == "resnet8"
    with pytest.raises(InputError, match="there is no such file"):
        pckd.load_student("nothing.safetensors")
    with pytest.raises(InputError, match=r"shape \[3, 8, 8\]: it must be \[B, 3, H, W\]"):
        student(torch.zeros(3, 8, 8))
    with pytest.raises(InputError, match=r"torch.int64: they must be uint8"):
        student(torch.zeros(1, 3, 8, 8, dtype=torch.int64))


def test_what_a_study_lacks_is_one_sentence(study: pckd.Study) -> None:
    with pytest.raises(InputError, match="study mine is no search"):
        study.best()
    with pytest.raises(InputError, match="'zzz' is no trial of study mine; trials: "):
        study.student("zzz")
    with pytest.raises(InputError, match="holds no study 'yours'; it holds: mine"):
        pckd.open_study(f"{study.storage.root}/yours")
    with pytest.raises(InputError, match="the study: seads is not a known key"):
        pckd.make_study({**VALUES, "seads": [0]})
    with pytest.raises(InputError, match="study mine, run: loss: kdd is not a known term"):
        pckd.make_study({**VALUES, "run": {**VALUES["run"], "loss": {"kdd": 1}}})  # type: ignore[dict-item]


def test_a_term_is_computed() -> None:
    logits = [[1.0, 0.0], [0.0, 1.0]]
    value = pckd.evaluate_term(
        "kd", student={"logits": logits}, teacher={"logits": logits}, labels=[0, 1]
    )
    assert float(value) == pytest.approx(0, abs=1e-6)


def test_the_page_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[1] / "docs" / "api.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    assert names["means"].notna().all()
    assert names["value"] > 0


def test_the_package_itself_is_light() -> None:
    program = (
        "import sys, pckd; assert not {'torch', 'pandas', 'ray', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_name_that_a_package_offers_is_there() -> None:
    for package in (pckd, data, method, models, analysis):
        assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="module 'pckd' has no attribute 'nothing'"):
        pckd.nothing  # noqa: B018
