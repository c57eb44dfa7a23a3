"""Verifying verdicts: those that follow from the stored trials, and what was changed by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.clear_plan import UntilClearPlan
from pckd.study.kept_verdicts import keep_verdicts
from pckd.study.outcome import Outcome
from pckd.study.plan import fixed_plan
from pckd.study.plan_table import write_plan
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.verifying_verdicts import check_verdicts
from tests.study.plans import row_of

GAINS = {"CE": 0.0, "KD": 3.0}
STUDY: dict[str, Any] = {
    "study": "clear",
    "run": {"data": "digits", "student": "resnet8", "teacher": "resnet20"},
    "cases": {"KD": {"method": "kd"}, "CE": {"method": "cross_entropy"}},
    "seeds": {"until": "clear", "against": "CE", "smallest_difference": 1.0, "first": 3},
}
PAIRS = [{"teacher": "resnet20", "student": name} for name in ("resnet8", "resnet14")]


def _decided(root: Path, **changes: Any) -> ResultsStore:  # noqa: ANN401
    """A store whose trials ended, with the verdicts on them."""
    spec = validate(StudySpec, STUDY | changes, "example")
    storage = Storage(root)
    store = ResultsStore(storage, spec.study)
    write_plan(storage, spec, fixed_plan(spec))
    plan = UntilClearPlan(spec, {})
    while (trial := plan.next_trial()) is not None:
        top1 = 50 + GAINS[trial.case] + 0.1 * (trial.config.seed % 3) * (trial.case == "KD")
        row = row_of(trial, "completed", datetime.now(UTC))
        store.write("trials", trial.identity, [{**row, "test_top1": top1}])
        plan.tell(trial, Outcome("completed", top1, test=top1))
    keep_verdicts(spec.study, plan, storage, lambda sentence: None)
    return store


@pytest.mark.parametrize("changes", [{}, {"pairs": PAIRS}], ids=["one pair", "two pairs"])
def test_verdicts_follow_from_the_trials(tmp_path: Path, changes: dict[str, Any]) -> None:
    store = _decided(tmp_path, **changes)
    count, sentences = check_verdicts("clear", store.storage)
    assert (count, sentences) == (len(changes.get("pairs", [1])), [])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": "no difference"}, "name is stored as no difference, and by the stored trials it"),
        ({"estimate": 9.5}, "estimate is stored as 9.5, and by the stored trials it is 3.075"),
        ({"low": 0.5}, "low is stored as 0.5"),
        ({"differences": [4.0, 4.0, 4.0, 4.0]}, "differences is stored as [4.0, 4.0, 4.0, 4.0]"),
        ({"smallest_difference": 8.0}, "name is stored as better"),
        ({"level": 5.0}, "it cannot be decided again: "),
        ({"at_least": 1}, "it cannot be decided again: "),
        ({"at_most": 3}, "it cannot be decided again: "),
    ],
)
def test_a_verdict_that_was_changed_by_hand_is_found(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    store = _decided(tmp_path)
    (row,) = store.rows("verdicts")
    store.write("verdicts", row["verdict"], [{**row, **changed}])
    _, (sentence,) = check_verdicts("clear", store.storage)
    assert sentence.startswith("verdict on KD against CE: ")
    assert named in sentence


def test_a_verdict_on_trials_that_changed_is_found(tmp_path: Path) -> None:
    store = _decided(tmp_path)
    row = store.rows("trials")[0]
    store.write("trials", row["trial"], [{**row, "test_top1": 12.0}])
    _, (sentence,) = check_verdicts("clear", store.storage)
    assert "differences is stored as [" in sentence
