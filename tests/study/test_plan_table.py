"""The plan of a study in its results store, as its driver writes it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.outcome import Outcome
from pckd.study.plan import fixed_plan
from pckd.study.plan_table import add_to_plan, plan_files, write_plan
from pckd.study.planned_rows import planned_frame, planned_rows
from pckd.study.planning import make_plan, write_study
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.trial_row import open_row

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
SEARCH: dict[str, Any] = {
    "search": {"trials": 5, "parameters": {"loss.kd": {"low": 0.1, "high": 9.0}}},
    "pairs": [{"teacher": "resnet14", "student": "resnet8"}],
    "seeds": [0, 1],
}


def study(**keys: Any) -> StudySpec:  # noqa: ANN401
    return validate(StudySpec, {"study": "example", "run": RUN, **keys}, "example")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def table(storage: Storage) -> pd.DataFrame:
    return ResultsStore(storage, "example").read("plan")


def test_every_case_pair_and_seed_has_a_row(storage: Storage) -> None:
    pairs = [
        {"teacher": "resnet20", "student": "resnet8"},
        {"teacher": "resnet20", "student": "resnet8", "changes": {"preview.growth_rate": 1.015}},
        {"teacher": "resnet14", "student": "resnet8"},
    ]
    spec = study(cases={"a": {}, "b": {"loss.kd": 2.0}}, pairs=pairs, seeds=[3, 5])
    write_study(spec, make_plan(spec, storage, retry_failed=False), storage)
    rows = table(storage)
    assert len(rows) == rows["trial"].nunique() == 2 * 3 * 2
    assert rows["position"].tolist() == [0] * 6 + [1] * 6
    assert rows["seed"].tolist() == [3, 5] * 6
    assert rows["pair"].unique().tolist() == [
        "resnet20 → resnet8",
        "resnet20 → resnet8 (growth_rate=1.015)",
        "resnet14 → resnet8",
    ]
    assert rows["teacher_model"].tolist()[::2] == ["resnet20", "resnet20", "resnet14"] * 2
    assert [json.loads(text) for text in rows["changes"]] == [{}] * 6 + [{"loss.kd.weight": 2}] * 6
    assert rows["trial"].tolist() == [item.trial.identity for item in fixed_plan(spec)]


def test_a_case_that_a_pair_leaves_out_has_a_row_without_a_trial(storage: Storage) -> None:
    pairs = [
        {"teacher": "resnet20", "student": "resnet8"},
        {"teacher": "resnet14", "student": "resnet8", "without": ["b"]},
    ]
    spec = study(cases={"a": {}, "b": {"loss.kd": 2.0}}, pairs=pairs)
    write_plan(storage, spec, fixed_plan(spec))
    rows = table(storage)
    assert rows["trial"].isna().tolist() == [False] * 3 + [True]
    left_out = rows[["pair", "teacher_model", "case", "position", "seed"]].to_numpy()[3]
    assert list(left_out) == ["resnet14 → resnet8", "resnet14", "b", 1, 0]


def test_a_varied_key_at_its_default_is_marked() -> None:
    planned = fixed_plan(study(vary_one={"loss.kd": [0.5, 1.0]}, seeds=[0, 1]))
    assert [(item.position, item.is_default) for item in planned] == [
        *[(0, True)] * 2,
        *[(1, False)] * 2,
        *[(2, True)] * 2,
    ]


def test_a_plan_replaces_the_one_before(storage: Storage) -> None:
    for seeds in ([0, 1, 2], [1]):
        spec = study(seeds=seeds)
        write_plan(storage, spec, fixed_plan(spec))
    assert table(storage)["seed"].tolist() == [1]


def test_a_search_adds_its_proposals_and_is_written_whole_when_it_goes_on(
    storage: Storage,
) -> None:
    spec = study(**SEARCH)
    plan = make_plan(spec, storage, retry_failed=False)
    write_study(spec, plan, storage)
    assert table(storage).empty
    handed_out = []
    for _ in range(3):
        written = len(plan.planned)
        trial = plan.next_trial()
        assert trial is not None
        handed_out.append(trial.identity)
        plan.tell(trial, Outcome("completed", 50.0))
        if plan.planned[written:]:
            add_to_plan(storage, plan.planned[written:])
    rows = table(storage)
    assert plan_files(storage, "example") == ["000000", "000001", "plan"]
    assert (rows["position"].tolist(), rows["seed"].tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1])
    assert rows["trial"].tolist()[:3] == handed_out
    assert rows["pair"].unique().tolist() == ["resnet14 → resnet8"]
    assert all(json.loads(text).keys() == {"loss.kd.weight"} for text in rows["changes"])
    write_study(spec, plan, storage)
    assert plan_files(storage, "example") == ["plan"]
    pd.testing.assert_frame_equal(table(storage), rows)


def test_rows_of_earlier_images_are_left_out_and_counted(storage: Storage) -> None:
    """Corrected images give a trial a new identity: its old row is no further trial."""
    spec = study(seeds=[0, 1])
    store = ResultsStore(storage, "example")
    first, second = (item.trial for item in fixed_plan(spec))
    open_row(first, storage)
    open_row(replace(second, identity="0" * 12), storage)
    rows, left_out = planned_rows(store)
    assert (len(rows), left_out) == (2, 0)  # no plan was kept
    write_study(spec, make_plan(spec, storage, retry_failed=False), storage)
    rows, left_out = planned_rows(store)
    assert ([row["trial"] for row in rows], left_out) == ([first.identity], 1)


def test_an_empty_plan_names_no_row(storage: Storage) -> None:
    """A search that was changed and has proposed nothing yet: its old rows are not its trials."""
    store = ResultsStore(storage, "example")
    open_row(fixed_plan(study(seeds=[0]))[0].trial, storage)
    store.write("plan", "plan", [])
    assert planned_rows(store) == ([], 1)
    assert planned_frame(store).empty
