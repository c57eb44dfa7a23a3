"""A search as an `optuna.Study`, from rows alone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import write_spec
from pckd.study.optuna_study import open_search, optuna_storage, trial_rows
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec

START = datetime(2026, 1, 2, tzinfo=UTC)
PARAMETERS = {
    "loss.kd": {"low": 0.1, "high": 10.0, "log": True},
    "preview.growth_rate": {"low": 1.0, "high": 1.02},
    "optimization.batch_size": {"type": "int", "low": 16, "high": 64},
}


class Search:
    """Writes the plan and the rows of a search of two seeds."""

    def __init__(self, folder: Path, **search: Any) -> None:  # noqa: ANN401
        self.storage = Storage(folder)
        self.store = ResultsStore(self.storage, "hunt")
        plan = {"trials": 40, "parameters": PARAMETERS, **search}
        values = {"study": "hunt", "run": {"data": "digits"}, "seeds": [0, 1], "search": plan}
        write_spec(validate(StudySpec, values, "hunt"), self.storage)
        self.count = 0

    def add(self, kd: float, *statuses: str | None, top1: float = 50.0, epochs: int = 2) -> None:
        """A configuration and the status of each seed; None has not started."""
        number = self.count
        self.count += 1
        changes = {
            "loss.kd.weight": kd,
            "preview.growth_rate": 1.0 + 0.02 * (number * 7 % 10) / 10,
            "optimization.batch_size": 16 + number,
        }
        names = [f"trial{number}-{seed}" for seed in range(2)]
        plan = [
            {"trial": name, "position": number, "seed": seed, "changes": json.dumps(changes)}
            for seed, name in enumerate(names)
        ]
        self.store.write("plan", f"{number:06d}", plan)
        for seed, (name, status) in enumerate(zip(names, statuses, strict=True)):
            if status is None:
                continue
            measured = top1 + 2 * seed
            row = {
                "trial": name,
                "status": status,
                "seconds": 3.0,
                "started": START + timedelta(minutes=number),
                "updated": START + timedelta(minutes=number + 1),
                "last_top1": None if status == "failed" else measured,
                "test_top1": measured - 5 if status == "completed" else None,
                "config.student": "resnet8",
            }
            self.store.write("trials", name, [row])
            history = range(1, (0 if status == "failed" else epochs) + 1)
            rows = [{"trial": name, "epoch": epoch, "top1": measured + epoch} for epoch in history]
            self.store.write("epochs", name, rows)


def test_each_configuration_has_its_true_state(tmp_path: Path) -> None:
    search = Search(tmp_path)
    search.add(1.0, "completed", "completed", top1=60.0)
    search.add(2.0, "stopped", None, top1=90.0, epochs=1)
    search.add(3.0, "completed", "failed")
    search.add(4.0, "completed", None)
    search.add(5.0, "stopped", "running")
    search.add(6.0, None, None)
    study = open_search(search.storage, "hunt")
    states = [trial.state for trial in study.trials]
    expected = ["COMPLETE", "PRUNED", "FAIL", "RUNNING", "RUNNING", "WAITING"]
    assert states == [TrialState[name] for name in expected]
    best, pruned = study.trials[:2]
    assert study.best_trial == best
    assert best.value == 61.0  # the mean over the seeds, and never that of a stopped one
    assert best.params["loss.kd.weight"] == 1.0
    assert best.intermediate_values == {1: 62.0, 2: 63.0}
    assert best.user_attrs["test_top1"] == [55.0, 57.0]
    assert best.user_attrs["trials"] == ["trial0-0", "trial0-1"]
    assert best.duration == timedelta(minutes=1)
    assert (pruned.value, pruned.intermediate_values) == (None, {1: 91.0})
    assert study.trials[5].system_attrs["fixed_params"]["loss.kd.weight"] == 6.0


def test_optunas_importance_finds_what_mattered(tmp_path: Path) -> None:
    search = Search(tmp_path)
    for number in range(20):
        kd = 0.1 * 10 ** (number % 15 / 7.5)
        search.add(kd, "completed", "completed", top1=80 - 10 * kd)
    for number in range(5):
        search.add(9.0 + number / 10, "stopped", None, top1=99.0, epochs=1)
    study = open_search(search.storage, "hunt")
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=4, seed=0))
    assert max(found, key=lambda name: found[name]) == "loss.kd.weight"
    assert found["loss.kd.weight"] > 0.8


def test_several_objectives_have_their_directions(tmp_path: Path) -> None:
    search = Search(tmp_path, objectives=["accuracy", "seconds"])
    search.add(1.0, "completed", "completed")
    study = open_search(search.storage, "hunt")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.best_trials[0].values == [51.0, 3.0]
    assert [row["values_1"] for row in trial_rows(study)] == [3.0]


def test_a_search_in_each_case_is_a_study_each(tmp_path: Path) -> None:
    search = Search(tmp_path)
    spaces = {case: {"parameters": {"loss.kd": PARAMETERS["loss.kd"]}} for case in ("A", "B")}
    values = {
        "study": "hunt",
        "run": {"data": "digits"},
        "cases": {"A": {"loss.feature_alignment": 0.0}, "B": {"loss.feature_alignment": 1.0}},
        "search": {"trials": 2, "spaces": spaces},
    }
    write_spec(validate(StudySpec, values, "hunt"), search.storage)
    for number, weight in enumerate((0.0, 1.0)):
        changes = {"loss.feature_alignment.weight": weight, "loss.kd.weight": 2.0 + weight}
        row = {"trial": f"t{number}", "position": number, "seed": 0, "changes": json.dumps(changes)}
        search.store.write("plan", f"{number:06d}", [row])
    study = open_search(search.storage, "hunt", "B")
    assert study.study_name == "hunt: B"
    (trial,) = study.trials
    assert trial.system_attrs["fixed_params"] == {"loss.kd.weight": 3.0}
    with pytest.raises(InputError, match="name one: A, B"):
        open_search(search.storage, "hunt")


def test_a_study_is_kept_for_optunas_tools_and_replaced_only_if_asked(tmp_path: Path) -> None:
    place = str(tmp_path / "new" / "search.journal")
    search = Search(tmp_path / "results")
    search.add(1.0, "completed", "completed")
    open_search(search.storage, "hunt", into=optuna_storage(place, "hunt", replace=False))
    again = optuna.load_study(study_name="hunt", storage=optuna_storage(place, "x", replace=False))
    assert [trial.value for trial in again.trials] == [51.0]
    with pytest.raises(InputError, match="holds a study hunt already: --force replaces it"):
        optuna_storage(place, "hunt", replace=False)
    search.add(2.0, "running", None)
    replaced = open_search(search.storage, "hunt", into=optuna_storage(place, "hunt", replace=True))
    assert len(replaced.trials) == 2


def test_what_is_no_search_or_no_storage_is_said(tmp_path: Path) -> None:
    search = Search(tmp_path)
    values = {"study": "table", "run": {"data": "digits"}}
    write_spec(validate(StudySpec, values, "table"), search.storage)
    with pytest.raises(InputError, match="study table is no search"):
        open_search(search.storage, "table")
    with pytest.raises(InputError, match="Optuna cannot open it"):
        optuna_storage("nosuch://host/db", "hunt", replace=False)
    search.add(50.0, "completed", "completed")
    with pytest.raises(InputError, match="a configuration outside its search"):
        open_search(search.storage, "hunt")
