"""Ray Train: two workers with half the batch each compute what one computes with the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ray.train import WorkerGroupError
from ray.train.torch import TorchTrainer

from pckd.distributed.workers import train_on_workers
from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.outcome import read_outcome
from pckd.study.paths import network_path
from pckd.study.placement import Placement
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers, train_teacher
from pckd.training.network_file import TrainedNetwork
from tests.study.plans import fixed_trials

CPU = Placement(torch.device("cpu"), 1)


def _losses(epochs: pd.DataFrame) -> pd.DataFrame:
    """A row an epoch, a column a term, and the total."""
    terms = [{entry["term"]: entry["loss"] for entry in row} for row in epochs["terms"]]
    return pd.DataFrame(terms).assign(total=epochs["loss_total"].tolist())


def _epochs(storage: Storage) -> pd.DataFrame:
    return ResultsStore(storage, "tiny").read("epochs")


@pytest.mark.usefixtures("cluster")
def test_two_workers_compute_what_one_does(
    make_study: Callable[..., StudySpec], tmp_path: Path
) -> None:
    # The form that relates the images of the whole batch to each other.
    changes: dict[str, Any] = {"loss.center_contrast.form": "release", "loss.center_contrast": 0.01}
    # Small steps: rounding differs between the two, and large steps would amplify it.
    changes["optimization.learning_rate"] = 1e-4
    spec = make_study(cases={"both": changes})
    one, two = Storage(tmp_path / "one"), Storage(tmp_path / "two")
    for storage in (one, two):
        for teacher in missing_teachers(spec, storage):
            train_teacher(teacher, storage, CPU)
    (trial,) = fixed_trials(spec)

    assert run_trial(trial, one, CPU) == "completed"
    train_on_workers(trial, two, Resources(workers=2))
    assert read_outcome(trial, two).status == "completed"

    alone, shared = _epochs(one), _epochs(two)
    losses = _losses(alone)
    assert len(alone) == len(shared) == 2
    assert {"total", "kd", "center_contrast"} <= set(losses)
    # A divergence of 0.01 is a difference of logarithms near 2: rounding leaves 1e-7 of these.
    pd.testing.assert_frame_equal(losses, _losses(shared), rtol=1e-5, atol=1e-6)
    for column in ("easy_share", "easy_weight", "hard_weight", "top1", "top5"):
        pd.testing.assert_series_equal(alone[column], shared[column], rtol=1e-5)
    trials = ResultsStore(two, "tiny").read("trials")
    assert trials["workers"].tolist() == [2]
    students = [
        TrainedNetwork.from_bytes(storage.read(network_path(trial)), "student").state
        for storage in (one, two)
    ]
    for name, value in students[0].items():
        torch.testing.assert_close(students[1][name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (InputError("no such teacher"), InputError),
        (OSError("disk full"), OSError),
        (RuntimeError("its process died"), WorkerGroupError),
    ],
)
def test_what_no_restart_mends_is_raised_as_the_workers_said_it(
    failure: Exception,
    raised: type[Exception],
    make_study: Callable[..., StudySpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit(trainer: TorchTrainer) -> None:
        raise WorkerGroupError("rank 0 and 1", {0: RunError("rank 0: lost a peer"), 1: failure})

    monkeypatch.setattr(TorchTrainer, "fit", fit)
    (trial,) = fixed_trials(make_study(cases={"PCKD": {}}))
    with pytest.raises(raised, match=r"^no such|^disk full|rank 0 and 1$"):
        train_on_workers(trial, Storage(tmp_path), Resources(workers=2))


def test_an_error_of_one_rank_is_its_reason(
    make_study: Callable[..., StudySpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(trainer: TorchTrainer) -> None:
        raise WorkerGroupError("rank 1", {1: RunError("rank 1: RuntimeError: no memory")})

    monkeypatch.setattr(TorchTrainer, "fit", fit)
    (trial,) = fixed_trials(make_study(cases={"PCKD": {}}))
    with pytest.raises(RunError, match=r"^rank 1: RuntimeError: no memory$"):
        train_on_workers(trial, Storage(tmp_path), Resources(workers=2))
