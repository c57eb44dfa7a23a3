"""Training one trial: what stays behind after an error, an interruption and a full disk."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.execution import Keep, run_trial
from pckd.study.outcome import read_outcome
from pckd.study.paths import checkpoint_path, network_path
from pckd.study.placement import Placement
from pckd.study.repeat import repeat_trial
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.study.trial_row import close_row, open_row
from pckd.training.evaluation import evaluate
from pckd.training.group import LocalGroup
from pckd.training.network_file import TrainedNetwork
from pckd.training.record import DivergedError, EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import prepare_data
from tests.study.plans import fixed_trials

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


def _row(storage: Storage, trial: Trial) -> dict[str, Any]:
    return ResultsStore(storage, "tiny").find("trials", trial.identity) or {}


def _status(storage: Storage, trial: Trial) -> str:
    return str(_row(storage, trial)["status"])


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


def test_a_trial_whose_teacher_is_another_by_now_starts_over(
    trial: Trial, storage: Storage
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, storage, CPU, _after(2, KeyboardInterrupt()))
    learned = {**_row(storage, trial), "teacher": "a" * 64}
    ResultsStore(storage, "tiny").write("trials", trial.identity, [learned])
    epochs: list[int] = []
    run_trial(trial, storage, CPU, lambda record: epochs.append(record.epoch))
    assert epochs == [1, 2, 3]
    assert "started over" in _row(storage, trial)["notices"]


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
    data = prepare_data(trial.config.data, trial.config.protocol)
    again = evaluate(student.network(CPU.device), data.test, data.mean, data.std).top1
    row = _row(storage, trial)
    assert student.test_top1 == again == row["test_top1"] == max(history)
    assert row["network"] == student.content_hash()
    assert "chosen on the test images" in row["notices"]


@pytest.mark.parametrize(("before", "now"), [("best", "best"), ("best", "last"), ("last", "best")])
def test_the_student_that_is_asked_for_now_outlives_an_interruption(
    before: Keep, now: Keep, trial: Trial, storage: Storage, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(trial, storage, CPU, _after(2, KeyboardInterrupt()), keep=before)
    other = Storage(tmp_path / "undisturbed")
    for root in (storage, other):
        run_trial(trial, root, CPU, keep=now)
    for column in ("network", "test_top1"):
        assert _row(storage, trial)[column] == _row(other, trial)[column]


def test_a_trial_that_was_stopped_or_failed_trains_again(trial: Trial, storage: Storage) -> None:
    for status in ("stopped", "failed"):
        close_row(trial, storage, status, "some reason")
        assert run_trial(trial, storage, CPU) == "completed"
        outcome = read_outcome(trial, storage)
        assert (outcome.status, outcome.reason) == ("completed", "")


def test_a_trial_that_diverged_starts_from_the_beginning(trial: Trial, storage: Storage) -> None:
    assert run_trial(trial, storage, CPU, _after(2, DivergedError("kd became nan"))) == "failed"
    epochs: list[int] = []
    run_trial(trial, storage, CPU, lambda record: epochs.append(record.epoch))
    assert epochs == [1, 2, 3]


def test_an_error_of_one_rank_of_several_is_raised(trial: Trial, storage: Storage) -> None:
    class Rank(LocalGroup):
        rank, size = 1, 2

    placement = Placement(CPU.device, 1, cast("LocalGroup", Rank()))
    with pytest.raises(RuntimeError, match="no memory"):
        run_trial(trial, storage, placement, _after(1, RuntimeError("no memory")))
    assert ResultsStore(storage, "tiny").find("trials", trial.identity) is None


def test_a_row_that_was_only_handed_out_names_no_machine(trial: Trial, storage: Storage) -> None:
    open_row(trial, storage)
    row = _row(storage, trial)
    assert [row[name] for name in ("device", "host", "workers", "threads")] == [None] * 4
    close_row(trial, storage, "failed", "its process died")
    with pytest.raises(InputError, match="never started"):
        repeat_trial("tiny", trial.identity, storage)
    open_row(trial, storage)
    assert _status(storage, trial) == "running"


def test_a_trial_alone_gives_the_numbers_of_the_study(trial: Trial, storage: Storage) -> None:
    run_trial(trial, storage, CPU)
    epochs: list[int] = []
    for _ in range(2):
        before, now = repeat_trial(
            "tiny", trial.identity[:6], storage, lambda record: epochs.append(record.epoch)
        )
        assert before.history == now.history
        assert (before.status, before.value) == (now.status, now.value)
    assert epochs == [1, 2, 3, 1, 2, 3]


def test_who_repeats_a_trial_that_another_repeats_waits(trial: Trial, storage: Storage) -> None:
    run_trial(trial, storage, CPU)
    with ExitStack() as other:
        other.enter_context(storage.lock(f"repeats/locks/{trial.identity}"))
        before, now = repeat_trial("tiny", trial.identity, storage, on_wait=other.close)
    assert before.history == now.history
