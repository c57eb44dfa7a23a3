"""A search that starts from the best points of another study."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.carried import carried_points
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore
from pckd.study.search_config import SearchConfig
from pckd.study.spec import StudySpec

KD = "loss.kd.weight"
SPACE = {KD: {"low": 0.1, "high": 10.0}, "preview.growth_rate": {"low": 1.0, "high": 1.1}}


def _search(**changes: Any) -> SearchConfig:  # noqa: ANN401
    values = {"trials": 4, "parameters": SPACE, "from": {"study": "other", "points": 2}, **changes}
    return validate(SearchConfig, values, "search")


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    """A study of another pair: what it changed, how two seeds ended."""
    storage = Storage(tmp_path)
    rows: list[tuple[dict[str, Any], str, int, float]] = []
    for weight, accuracies, status in (
        (1.0, (50.0, 60.0), "completed"),
        (2.0, (58.0, 59.0), "completed"),
        (3.0, (90.0, 90.0), "stopped"),
        (99.0, (95.0, 95.0), "completed"),
        (4.0, (40.0, 40.0), "completed"),
    ):
        changes = {KD: weight, "preview.growth_rate": 1.01, "student": "resnet8"}
        rows += [(changes, status, seed, top1) for seed, top1 in enumerate(accuracies)]
    for place, (changes, status, seed, top1) in enumerate(rows):
        row = {
            "trial": f"{place:04}",
            "changes": json.dumps(changes),
            "seed": seed,
            "status": status,
            "last_top1": top1,
            "epochs_planned": 20,
            "started": datetime.now(UTC),
        }
        ResultsStore(storage, "other").write("trials", f"{place:04}", [row])
    return storage


def test_the_best_completed_points_within_the_space_come_first(storage: Storage) -> None:
    best = [{KD: weight, "preview.growth_rate": 1.01} for weight in (2.0, 1.0)]
    assert carried_points(_search(), storage) == best
    assert len(carried_points(_search(**{"from": "other"}), storage)) == 3


def test_rows_of_earlier_code_neither_count_nor_displace_others(storage: Storage) -> None:
    store = ResultsStore(storage, "other")
    rows = store.read_table("trials").to_pylist()
    store.write("plan", "plan", [{"trial": row["trial"]} for row in rows])
    for row in rows[-2:]:  # the lowest, by code that made it the best
        again = {**row, "trial": f"old{row['trial']}", "last_top1": 99.0}
        store.write("trials", again["trial"], [again])
    best = [{KD: weight, "preview.growth_rate": 1.01} for weight in (2.0, 1.0)]
    assert carried_points(_search(), storage) == best


def test_a_search_tries_them_first(storage: Storage) -> None:
    run = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
    search = _search().model_dump(mode="json")
    spec = validate(StudySpec, {"study": "new", "run": run, "search": search}, "new")
    plan = make_plan(spec, storage, retry_failed=False)
    tried = [plan.next_trial() for _ in range(2)]
    assert [trial.config.loss["kd"].weight for trial in tried if trial] == [2.0, 1.0]


def test_a_study_that_is_not_there_or_suits_not_is_refused(storage: Storage) -> None:
    with pytest.raises(InputError, match="no study 'another'"):
        carried_points(_search(**{"from": "another"}), storage)
    narrow = {KD: {"low": 0.1, "high": 0.2}}
    with pytest.raises(InputError, match="no completed configuration within this space"):
        carried_points(_search(parameters=narrow), storage)
