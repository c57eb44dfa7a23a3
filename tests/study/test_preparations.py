"""Preparations of a study: done once for all who share them, resumed, and never in silence."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.errors import InputError, RunError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study import preparation_time
from pckd.study.beforehand import prepare_here
from pckd.study.dry_run import dry_run
from pckd.study.execution import run_trial
from pckd.study.placement import Placement
from pckd.study.preparation_time import preparation_seconds
from pckd.study.preparations import (
    first_preparations,
    missing_preparations,
    preparations_of,
    prepare,
)
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers, train_teacher
from pckd.training.preparations import FOLDER, PreparationStore
from pckd.training.preparing import Preparing
from tests.study.plans import fixed_trials

PLACEMENT = Placement(torch.device("cpu"), 1)
RUN = {
    "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 8},
    "student": "resnet8",
    "teacher": {"model": "resnet8", "optimization": {"epochs": 1, "batch_size": 8}},
    "optimization": {"epochs": 1, "batch_size": 8, "learning_rate": 0.01},
    "method": "ft",
    "loss": {"ft": {"preparation": {"epochs": 2}}},
}


def study(seeds: tuple[int, ...] = (0, 1), **cases: Any) -> StudySpec:  # noqa: ANN401
    values = {"study": "small", "run": RUN, "cases": cases or {"run": {}}, "seeds": seeds}
    return validate(StudySpec, values, "small")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """A results root with the teacher, and nothing prepared."""
    storage = Storage(tmp_path_factory.mktemp("results"))
    for trial in missing_teachers(study(), storage):
        train_teacher(trial, storage, PLACEMENT)
    return storage


@pytest.fixture
def storage(taught: Storage) -> Storage:
    taught.delete_folder(FOLDER)
    return taught


class Killed(Exception):  # noqa: N818
    """Stands for the end of the process."""


def killed_after_one_epoch(storage: Storage, spec: StudySpec) -> str:
    """Begin the one preparation of a study, and end it; returns its key."""
    (task,) = missing_preparations(spec, storage)

    def end(epoch: int, loss: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        prepare(task, storage, PLACEMENT, end)
    return task.key


def test_parts_on_the_teacher_are_shared_by_seeds_students_and_weights(storage: Storage) -> None:
    spec = study(
        plain={}, heavy={"loss.ft": 400}, other={"student": "resnet14"}, kd={"method": "kd"}
    )
    (task,) = missing_preparations(spec, storage)
    assert str(task) == "ft, resnet8"
    prepare(task, storage, PLACEMENT)
    assert missing_preparations(spec, storage) == []


def test_weights_of_the_distillation_do_not_part_the_preparations_of_a_teacher_s_head(
    storage: Storage,
) -> None:
    spec = study(
        plain={"method": "sskd"},
        other={"method": "sskd", "loss.sskd.transfer": 1, "loss.sskd.temperature": 2, "loss.kd": 0},
    )
    assert [str(task) for task in missing_preparations(spec, storage)] == ["sskd, resnet8"]


def test_each_student_and_seed_that_learns_has_a_preparation_of_its_own(storage: Storage) -> None:
    spec = study(plain={"method": "ab"}, again={"method": "ab", "loss.kd": 1})
    assert [str(task) for task in missing_preparations(spec, storage)] == [
        "ab, resnet8 -> resnet8, seed 0",
        "ab, resnet8 -> resnet8, seed 1",
    ]


def test_seeds_that_may_never_be_needed_are_not_prepared_beforehand(storage: Storage) -> None:
    clear = {"until": "clear", "against": "kd", "smallest_difference": 1, "first": 5}
    seeds = {**clear, "at_least": 2, "at_most": 4}
    cases = {"ab": {"method": "ab"}, "kd": {"method": "kd"}}
    spec = validate(
        StudySpec, {"study": "small", "run": RUN, "cases": cases, "seeds": seeds}, "small"
    )
    assert [task.config.seed for task in first_preparations(spec, storage)] == [5, 6]
    assert [task.config.seed for task in missing_preparations(spec, storage)] == [5, 6, 7, 8]
    lines = list(dry_run(spec, storage, retry_failed=False))
    assert sum(line.startswith("preparation to do first: ab") for line in lines) == 2
    assert "preparations of later seeds, as far as they are needed: 2" in lines


@pytest.mark.parametrize(
    "changes",
    [
        {"loss.ft.preparation.epochs": 3},
        {"loss.ft.preparation.learning_rate": 0.02},
        {"loss.ft.share": 0.25},
        {"teacher.seed": 1},
        {"views.crop_padding": 2},
        {"optimization.batch_size": 4},
    ],
    ids=str,
)
def test_what_the_result_depends_on_makes_another_preparation(
    storage: Storage, changes: dict[str, Any]
) -> None:
    assert len(missing_preparations(study(plain={}, changed=changes), storage)) == 2


def test_a_killed_preparation_goes_on_bit_for_bit(storage: Storage) -> None:
    spec = study()
    key = killed_after_one_epoch(storage, spec)
    store = PreparationStore(storage)
    assert len(store.losses(key)) == 1
    (task,) = missing_preparations(spec, storage)
    resumed: list[int] = []
    one = prepare(task, storage, PLACEMENT, lambda epoch, loss: resumed.append(epoch))
    assert resumed == [2]
    losses = store.losses(key)
    storage.delete_folder(FOLDER)
    whole = prepare(task, storage, PLACEMENT)
    assert store.losses(key) == losses
    assert all(torch.equal(one.parts[name], whole.parts[name]) for name in whole.parts)
    assert not storage.exists(f"{FOLDER}/{key}.pt")


def test_a_trial_starts_from_what_was_prepared_and_keeps_it(storage: Storage) -> None:
    (trial,) = fixed_trials(study(seeds=(0,)))
    assert run_trial(trial, storage, PLACEMENT) == "completed"
    row = ResultsStore(storage, "small").find("trials", trial.identity)
    assert row is not None
    assert "not prepared" not in (row["notices"] or "")
    (task,) = preparations_of(trial.config, storage)
    assert PreparationStore(storage).holds(task.key)


def test_damaged_files_are_named(storage: Storage) -> None:
    spec = study()
    key = killed_after_one_epoch(storage, spec)
    (task,) = missing_preparations(spec, storage)
    storage.write(f"{FOLDER}/{key}.pt", b"damaged")
    with pytest.raises(RunError, match=rf"^{FOLDER}/{key}.pt: is no state of this preparation"):
        prepare(task, storage, PLACEMENT)
    storage.write(f"{FOLDER}/{key}.safetensors", b"damaged")
    with pytest.raises(InputError, match=rf"^{FOLDER}/{key}.safetensors: is damaged; delete it"):
        prepare(task, storage, PLACEMENT)


def test_a_loss_that_is_not_finite_is_named(storage: Storage) -> None:
    spec = study(wild={"loss.ft.preparation.learning_rate": 1e6})
    (task,) = missing_preparations(spec, storage)
    with pytest.raises(RunError, match=r"^ft, resnet8: the preparation of ft became .*; give loss"):
        prepare(task, storage, PLACEMENT)


def test_a_preparation_that_fails_ends_only_the_trials_that_need_it(storage: Storage) -> None:
    spec = study(
        (0,), wild={"loss.ft.preparation.learning_rate": 1e6}, tame={}, plain={"method": "kd"}
    )
    said: list[str] = []
    prepare_here(missing_preparations(spec, storage), storage, PLACEMENT, said.append)
    (failure,) = [line for line in said if "became" in line]
    assert failure.startswith("preparation ft, resnet8: the preparation of ft became")
    ended = {trial.case: run_trial(trial, storage, PLACEMENT) for trial in fixed_trials(spec)}
    assert ended == {"wild": "failed", "tame": "completed", "plain": "completed"}
    rows = ResultsStore(storage, "small").read("trials").set_index("case")
    assert failure.removeprefix("preparation ") == rows["reason"]["wild"]


def test_the_dry_run_counts_preparations(tmp_path: Path) -> None:
    lines = list(dry_run(study(), Storage(tmp_path / "empty"), retry_failed=False))
    assert "preparation to do first: ft, resnet8, epochs: 2" in lines
    (said,) = [
        line for line in lines if line.endswith("for the teachers and preparations beside them")
    ]
    assert re.match(r"about \d+ seconds ", said)


def test_alike_preparations_are_timed_once_and_cost_their_epochs(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[str] = []

    def train(preparing: Preparing) -> float:
        timed.append(preparing.term)
        return 1.0

    monkeypatch.setattr(preparation_time, "_train", train)
    long = {"method": "ab", "loss.ab.preparation.epochs": 5}
    tasks = missing_preparations(study(plain={}, ab={"method": "ab"}, long=long), storage)
    whole = preparation_seconds(tasks, PLACEMENT)
    assert timed == ["ft"] * 4 + ["ab"] * 4  # once to warm up, then until three seconds are over
    assert whole == 2 + 2 * 30 + 2 * 5
