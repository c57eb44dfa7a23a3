"""Verifying a store: what is bit-equal, what was changed by hand, what another machine explains."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.placement import Placement
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.verifying import Check, verify_study
from tests.study.plans import fixed_trials

RUN: dict[str, Any] = {
    "data": {"name": "digits", "classes": [0, 1], "images_per_class": 16},
    "student": "resnet8",
    "method": "cross_entropy",
    "optimization": {"epochs": 2, "batch_size": 16},
}


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    """A study of two trained trials."""
    storage = Storage(tmp_path / "results")
    spec = validate(StudySpec, {"study": "tiny", "run": RUN, "seeds": [0, 1]}, "tiny")
    for trial in fixed_trials(spec):
        run_trial(trial, storage, Placement(torch.device("cpu"), 1))
    return storage


def _change(storage: Storage, table: str, **columns: Any) -> str:  # noqa: ANN401
    """Write other numbers into the last row of the first trial; returns its identity."""
    store = ResultsStore(storage, "tiny")
    trial = str(sorted(store.read("trials")["trial"])[0])
    rows = pq.read_table(storage.full_path(store.path(table, trial))).to_pylist()
    store.write(table, trial, [*rows[:-1], {**rows[-1], **columns}])
    return trial


def _verified(storage: Storage) -> dict[str, Check]:
    return {check.trial: check for check in verify_study("tiny", storage, 5, 0)}


def test_what_was_trained_is_bit_equal(storage: Storage) -> None:
    checks = _verified(storage)
    assert len(checks) == 2
    assert not any(check.differences for check in checks.values())


@pytest.mark.parametrize(
    ("table", "columns", "named"),
    [
        ("trials", {"test_top1": 77.7}, "test_top1: stored 77.7"),
        ("trials", {"network": "0" * 64}, "network: stored 000"),
        ("epochs", {"loss_total": 0.123}, "epoch 2, loss_total: stored 0.123"),
        ("epochs", {"top1": 12.5}, "epoch 2, top1: stored 12.5"),
        ("trials", {"config": "{}"}, "cannot be repeated"),
    ],
)
def test_a_number_that_was_changed_by_hand_is_found(
    storage: Storage, table: str, columns: dict[str, Any], named: str
) -> None:
    changed = _change(storage, table, **columns)
    for trial, check in _verified(storage).items():
        assert check.is_unexplained == (trial == changed)
        assert (named in str(check)) == (trial == changed)


def test_another_machine_explains_other_numbers(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    changed = _change(storage, "trials", test_top1=77.7, torch="1.0", device="NVIDIA H100")
    check = _verified(storage)[changed]
    assert check.differences
    assert not check.is_unexplained
    assert "device was NVIDIA H100, is cpu; torch was 1.0" in str(check)


def test_trials_of_earlier_plans_are_not_drawn(storage: Storage) -> None:
    store = ResultsStore(storage, "tiny")
    (_, kept) = sorted(store.read("trials")["trial"])
    store.write("plan", "plan", [{"trial": kept}])
    assert list(_verified(storage)) == [kept]


def test_a_study_without_completed_trials_cannot_be_verified(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    ResultsStore(storage, "tiny").write("trials", "0123", [{"trial": "0123", "status": "failed"}])
    with pytest.raises(InputError, match="no completed trial"):
        verify_study("tiny", storage, 1, 0)


def test_a_repetition_is_not_verified(tmp_path: Path) -> None:
    """It was replaced before it was compared with itself, and so was always bit-equal."""
    row = {"trial": "0123", "case": "KD", "seed": 0, "status": "completed"}
    ResultsStore(Storage(tmp_path), "repeats").write("trials", "0123", [row])
    (check,) = verify_study("repeats", Storage(tmp_path), 1, 0)
    assert "holds repetitions" in check.refusal
