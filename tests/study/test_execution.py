"""Training one trial: what stays behind after an error, an interruption and a full disk."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.alone import repeat_trial
from pckd.study.execution import Keep, checkpoint_path, network_path, run_trial
from pckd.study.outcome import read_outcome
from pckd.study.plan import fixed_trials
from pckd.study.results import ResultsStore
from pckd.study.rows import Placement
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.network_file import TrainedNetwork
from pckd.training.record import EpochRecord
from pckd.training.run import Run

CPU = Placement(torch.device("cpu"), 1)


@pytest.fixture(name="trial")
def _trial() -> Trial:
    off = dict.fromkeys(("kd", "center_contrast", "feature_alignment", "center_alignment"), 0)
    values: dict[str, Any] = {
        "study": "tiny",
        "run": {
            "data": {"name": "digits", "classes": [0, 1], "images_per_class": 32},
            "student": "resnet8",
            "loss": off,
            "optimization": {"epochs": 3, "batch_size": 32},
        },
    }
    (trial,) = fixed_trials(validate(StudySpec, values, "tiny"))
    return trial


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


def _status(storage: Storage, trial: Trial) -> str:
    return str((ResultsStore(storage, "tiny").find("trials", trial.identity) or {})["status"])


def _after(epoch: int, error: BaseException) -> Any:  # noqa: ANN401
    def stop(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise error

    return stop


def test_an_error_makes_the_trial_failed_with_its_last_line(
    trial: Trial, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_trial(trial, storage, CPU, _after(2, RuntimeError("no memory"))) == "failed"
    outcome = read_outcome(trial, storage)
    assert (outcome.status, outcome.reason) == ("failed", "RuntimeError: no memory")
    assert len(outcome.history) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "disk"]
)
def test_an_interrupted_trial_goes_on_and_ends_the_same(
    error: BaseException, trial: Trial, storage: Storage, tmp_path: Path
) -> None:
    with pytest.raises(type(error)):
        run_trial(trial, storage, CPU, _after(2, error))
    assert _status(storage, trial) == "running"
    epochs: list[int] = []
    run_trial(trial, storage, CPU, lambda record: epochs.append(record.epoch))
    assert epochs == [3]
    other = Storage(tmp_path / "undisturbed")
    run_trial(trial, other, CPU)
    assert read_outcome(trial, storage).history == read_outcome(trial, other).history
    students = [
        TrainedNetwork.from_bytes(root.read(network_path(trial)), "student").content_hash()
        for root in (storage, other)
    ]
    assert students[0] == students[1]
    assert not storage.exists(checkpoint_path(trial))


def test_a_completed_trial_does_not_train_again(
    trial: Trial, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_trial(trial, storage, CPU) == "completed"
    monkeypatch.setattr(Run, "train_epoch", lambda _: pytest.fail("trained again"))
    assert run_trial(trial, storage, CPU) == "completed"


@pytest.mark.parametrize(("keep", "kept"), [("last", True), ("best", True), ("none", False)])
def test_the_student_is_kept_as_asked(
    keep: Keep, kept: bool, trial: Trial, storage: Storage
) -> None:
    run_trial(trial, storage, CPU, keep=keep)
    assert storage.exists(network_path(trial)) == kept


def test_the_best_student_is_the_one_of_the_best_epoch(trial: Trial, storage: Storage) -> None:
    run_trial(trial, storage, CPU, keep="best")
    history = read_outcome(trial, storage).history
    student = TrainedNetwork.from_bytes(storage.read(network_path(trial)), "student")
    assert student.test_top1 == max(history)


def test_a_trial_alone_gives_the_numbers_of_the_study(trial: Trial, storage: Storage) -> None:
    run_trial(trial, storage, CPU)
    before, now = repeat_trial("tiny", trial.identity[:6], storage)
    assert before.history == now.history
    assert (before.status, before.value) == (now.status, now.value)
