"""Cases that are searched, each in its own space, with one budget for all."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.confirm import confirm_study
from pckd.study.outcome import Outcome
from pckd.study.planning import make_plan
from pckd.study.schema import SCHEMAS
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, trial_from_json, trial_to_json

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
CASES = {"KD": {"method": "kd"}, "DKD": {"method": "dkd"}}
KD = {
    "parameters": {"loss.kd": {"low": 0.1, "high": 10.0}},
    "first": {"KD of the papers": {"loss.kd": 0.9}},
}
DKD = {"parameters": {"loss.dkd.beta": {"low": 0.5, "high": 8.0}}}
SPACES = {"KD": KD, "DKD": DKD}
CONFIRM = {
    "candidates": "KD",
    "against": {"DKD": None, "KD of the papers": None, "CE": {"method": "cross_entropy"}},
    "smallest_difference": 0.5,
}


def _spec(**changes: Any) -> StudySpec:  # noqa: ANN401
    search = {"trials": 3, "spaces": changes.pop("spaces", SPACES)}
    values = {"study": "answer", "run": RUN, "cases": CASES, "search": search, **changes}
    return validate(StudySpec, values, "answer")


def _plan(spec: StudySpec) -> SearchPlan:
    return SearchPlan(spec, SCHEMAS["trials"].empty_table().to_pandas(), {}, {})


def _score(trial: Trial) -> float:
    """KD is best at the least weight, DKD at the largest beta."""
    if trial.space == "KD":
        return 60.0 - trial.config.loss["kd"].weight
    return 60.0 + float(trial.changes["loss.dkd.beta"])


def _finish(plan: SearchPlan) -> list[Trial]:
    trials: list[Trial] = []
    while trial := plan.next_trial():
        plan.tell(trial, Outcome("completed", _score(trial), test=50.0))
        trials.append(trial)
    return trials


def test_cases_take_turns_and_have_equal_budgets() -> None:
    plan = _plan(_spec(seeds=[0, 1]))
    trials = _finish(plan)
    assert Counter(trial.space for trial in trials) == {"KD": 6, "DKD": 6}
    assert [trial.space for trial in trials[:2]] == ["KD", "DKD"]
    assert plan.done == plan.total == len(plan.planned) == 12
    assert len({item.position for item in plan.planned}) == 6
    assert trials[0].case == "KD: kd=0.9"
    for trial in trials:
        assert trial.changes["method"] == trial.config.method == trial.space.lower()
        assert trial_from_json(trial_to_json(trial)).space == trial.space


def test_each_sampler_hears_of_its_own_case_alone() -> None:
    plan = _plan(_spec())
    trials = _finish(plan)
    for search in plan.searches:
        own = [trial for trial in trials if trial.space == search.searched.case]
        assert [told.value for told in search.study.trials] == [_score(trial) for trial in own]


def test_a_trial_that_two_cases_mean_is_trained_once() -> None:
    choice = {"parameters": {"loss.kd": {"type": "choice", "choices": [1.0, 2.0]}}}
    spec = _spec(
        cases={"A": {"method": "kd"}, "B": {"method": "kd"}}, spaces={"A": choice, "B": choice}
    )
    plan = _plan(spec)
    side_by_side = []
    while trial := plan.next_trial():
        side_by_side.append(trial)
    assert len({trial.identity for trial in side_by_side}) == len(side_by_side) <= 2
    for trial in side_by_side:
        plan.tell(trial, Outcome("completed", trial.config.loss["kd"].weight))
    assert plan.next_trial() is None
    assert plan.done == plan.total
    assert [len(search.study.trials) for search in plan.searches] == [3, 3]


def test_the_study_goes_on_from_what_is_stored() -> None:
    """Told by rows, as another driver would be: each row belongs to the case that proposed it."""
    spec = _spec()
    trials = _finish(_plan(spec))[:4]
    rows = pd.DataFrame(
        {
            "trial": [trial.identity for trial in trials],
            "changes": [json.dumps(trial.changes) for trial in trials],
            "seed": 0,
            "started": range(4),
        }
    )
    outcomes = {trial.identity: Outcome("completed", _score(trial)) for trial in trials}
    plan = SearchPlan(spec, rows, outcomes, {})
    assert (plan.done, plan.total) == (4, 6)
    assert Counter(trial.space for trial in _finish(plan)) == {"KD": 1, "DKD": 1}


def test_winners_and_named_points_are_confirmed() -> None:
    spec = _spec(confirm=CONFIRM)
    plan = _plan(spec)
    trials = _finish(plan)
    best = {case: max((t for t in trials if t.space == case), key=_score) for case in CASES}
    confirming = confirm_study(spec, plan.ended)
    assert confirming is not None
    assert confirming.cases == {
        "KD": best["KD"].changes,
        "DKD": best["DKD"].changes,
        "KD of the papers": {"method": "kd", "loss.kd.weight": 0.9},
        "CE": {"method": "cross_entropy"},
    }
    assert confirming.search is None


def test_a_case_without_a_completed_configuration_is_named() -> None:
    spec = _spec(confirm=CONFIRM)
    plan = _plan(spec)
    while trial := plan.next_trial():
        plan.tell(trial, Outcome("failed" if trial.space == "DKD" else "completed", 1.0))
    with pytest.raises(InputError, match="case DKD, has no configuration that completed"):
        confirm_study(spec, plan.ended)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cases": None}, "the study lists none"),
        ({"spaces": {"KD": KD}}, "case 'DKD' has no space"),
        ({"spaces": {**SPACES, "DKDD": DKD}}, "did you mean DKD"),
        ({"search": {"trials": 3, **KD}}, "give search.spaces"),
        ({"search": {"trials": 3, **KD, "spaces": SPACES}}, "belong to each space"),
        ({"search": {"trials": 3}}, "a search needs some"),
        ({"cases": {**CASES, "KD": {"loss.kd": 1.0}}}, "both sets loss.kd.weight and searches"),
        (
            {"spaces": {"KD": KD, "DKD": {**DKD, "first": {"KD": {"loss.dkd.beta": 1.0}}}}},
            "'KD' of a first point is taken",
        ),
        ({"confirm": {**CONFIRM, "candidates": 1}}, "names of cases"),
        ({"grid": {"loss.kd": [1.0]}}, "one plan"),
    ],
)
def test_what_has_no_meaning_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _spec(**changes)


@pytest.mark.parametrize(
    ("key", "value"), [("optimization.epochs", 7), ("data.images_per_class", 20)]
)
def test_unequal_budgets_are_refused(key: str, value: int, tmp_path: Path) -> None:
    spec = _spec(cases={**CASES, "DKD": {"method": "dkd", key: value}})
    with pytest.raises(InputError, match="must have the same"):
        make_plan(spec, Storage(tmp_path), retry_failed=False)
