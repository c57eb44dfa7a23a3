"""A study in MLflow and Weights & Biases: what is written there, and that it is written once."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pckd.analysis.loading import load_study
from pckd.analysis.tracking import track
from pckd.analysis.tracking.runs import TrialRun, trial_runs
from pckd.analysis.tracking.to_mlflow import MlflowTracker
from pckd.analysis.tracking.to_wandb import WandbTracker
from pckd.errors import InputError

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

KD = {"loss.center_contrast": 0.0}


@pytest.fixture(name="study")
def _study(new_study: Callable[..., "StudyBuilder"]) -> "StudyBuilder":
    """A trial that completed, one that was stopped, one that failed, one that still trains."""
    study = new_study(cases={"KD": KD, "PCKD": {}}, seeds=[0, 1])
    study.trial("KD", KD, 0, 70.0)
    study.trial("KD", KD, 1, status="stopped")
    study.trial("PCKD", {}, 0, status="failed")
    study.trial("PCKD", {}, 1, status="running")
    return study


def runs(study: "StudyBuilder") -> list[TrialRun]:
    return list(trial_runs(load_study(study.storage, "demo")))


def test_a_trial_that_has_ended_is_a_run(study: "StudyBuilder") -> None:
    done, stopped, failed = runs(study)
    assert (done.name, done.status) == ("KD, seed 0", "completed")
    assert (stopped.status, failed.status) == ("stopped", "failed")
    assert done.parameters["loss.kd.weight"] == 1.0
    assert done.parameters["data.classes"] == "[0, 1, 2, 3, 4, 5]"
    assert done.parameters["student"] == "resnet8"
    assert done.tags["study"] == "demo"
    assert (done.tags["case"], done.tags["method"]) == ("KD", "pckd")
    assert done.tags["identity"] == done.identity
    assert done.results["test_top1"] == 70.0
    assert [epoch["top1"] for epoch in done.epochs] == [59.0, 64.0, 69.0]
    assert (done.epochs[1]["loss.kd"], done.epochs[1]["loss_total"]) == (0.5, 1.5)
    assert "loss.total" not in done.epochs[1]
    assert "top5" not in done.epochs[0]
    assert [len(each.epochs) for each in (done, stopped, failed)] == [3, 1, 0]


class Remembered:
    """Stands for a tracker."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}

    def holds(self, run: TrialRun) -> bool:
        return self.runs.get(run.identity) == run.tags["updated"]

    def log(self, run: TrialRun) -> None:
        self.runs[run.identity] = run.tags["updated"]


def test_what_is_there_is_not_written_again(study: "StudyBuilder") -> None:
    tracker = Remembered()
    assert [track(runs(study), tracker) for _ in range(2)] == [3, 0]
    study.trial("PCKD", {}, 1, 60.0)
    assert track(runs(study), tracker) == 1


def test_mlflow_has_each_trial_once(
    study: "StudyBuilder", tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    place = str(tmp_path / "runs")
    assert [track(runs(study), MlflowTracker("demo", place)) for _ in range(2)] == [3, 0]
    study.trial("PCKD", {}, 0, 60.0)  # the one that failed is tried again
    tracker = MlflowTracker("demo", place)
    assert track(runs(study), tracker) == 1
    found = tracker.client.search_runs([tracker.experiment])
    assert len(found) == 3
    by_name = {run.info.run_name: run for run in found}
    done = by_name["KD, seed 0"]
    assert done.info.status == "FINISHED"
    assert by_name["KD, seed 1"].info.status == "KILLED"
    assert done.data.params["loss.kd.weight"] == "1.0"
    assert done.data.metrics["test_top1"] == 70.0
    history = tracker.client.get_metric_history(done.info.run_id, "top1")
    assert [(each.step, each.value) for each in history] == [(1, 59.0), (2, 64.0), (3, 69.0)]
    assert done.info.end_time - done.info.start_time == 30_000
    assert by_name["PCKD, seed 0"].data.metrics["test_top1"] == 60.0
    assert " INFO " not in capfd.readouterr().err


def test_an_mlflow_server_that_is_not_there_is_one_sentence() -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(InputError, match=r"^MLflow cannot open http://127\.0\.0\.1:9: "):
        MlflowTracker("demo", "http://127.0.0.1:9")


def test_wandb_has_each_trial_once(
    study: "StudyBuilder", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    written = runs(study)[:1]
    tracker = WandbTracker("demo", str(tmp_path))
    assert [track(written, tracker) for _ in range(2)] == [1, 0]
    (file,) = tmp_path.glob(f"wandb/offline-run-*-{written[0].identity}/*.wandb")
    content = file.read_bytes()
    for text in (b"loss.center_alignment.weight", b"KD, seed 0", b"test_top1", b"loss.kd"):
        assert text in content


@pytest.mark.parametrize(("name", "tracker"), [("mlflow", MlflowTracker), ("wandb", WandbTracker)])
def test_a_package_that_is_missing_is_named(
    name: str, tracker: Callable[[str, None], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"is not installed: pip install 'pckd\[{name}\]'$"):
        tracker("demo", None)


def test_wandb_takes_no_address() -> None:
    pytest.importorskip("wandb")
    with pytest.raises(InputError, match="WANDB_BASE_URL"):
        WandbTracker("demo", "https://wandb.example.org")
