"""Plans whose trials are known beforehand: what they consist of, and what is left of them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.outcome import Outcome, histories_of, outcomes_of
from pckd.study.plan import FixedPlan, Plan, cases
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_changes, trial_from_json, trial_to_json
from tests.study.plans import fixed_trials, row_of

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}

TEACHER_TERMS = ("kd", "center_contrast", "feature_alignment", "center_alignment")

MakePlan = Callable[..., Plan]


def study(**changes: Any) -> StudySpec:  # noqa: ANN401
    return validate(StudySpec, {"study": "example", "run": RUN, **changes}, "example")


@pytest.fixture
def plan(tmp_path: Path) -> MakePlan:
    """The plan of a study some of whose trials have got a status before."""
    storage = Storage(tmp_path)

    def make(
        spec: StudySpec, statuses: Iterable[tuple[Trial, str]] = (), *, retry_failed: bool = False
    ) -> Plan:
        for trial, status in statuses:
            row = row_of(trial, status, datetime.now(UTC))
            ResultsStore(storage, "example").write("trials", trial.identity, [row])
        return make_plan(spec, storage, retry_failed=retry_failed)

    return make


def left(plan: Plan) -> list[Trial]:
    """All trials that a plan hands out."""
    trials = []
    while (trial := plan.next_trial()) is not None:
        plan.tell(trial, Outcome("completed", 50.0))
        trials.append(trial)
    return trials


def test_a_study_without_a_plan_is_one_run() -> None:
    (trial,) = fixed_trials(study())
    assert (trial.study, trial.case, trial.changes, trial.config.seed) == ("example", "run", {}, 0)


def test_cases_keep_their_names_and_their_order() -> None:
    spec = study(
        cases={"PCKD": {}, "KD": {"loss.feature_alignment": 0}, "hot": {"teacher": "vgg8"}}
    )
    trials = fixed_trials(spec)
    assert [trial.case for trial in trials] == ["PCKD", "KD", "hot"]
    assert [trial.config.loss["feature_alignment"].weight for trial in trials] == [20.0, 0.0, 20.0]
    assert trials[2].config.teacher_run().student == "vgg8"


def test_a_grid_is_every_combination() -> None:
    spec = study(grid={"loss.kd": [0.5, 1.0], "student": ["resnet8", "resnet14"]})
    points = [
        (trial.config.loss["kd"].weight, trial.config.student) for trial in fixed_trials(spec)
    ]
    assert points == [(0.5, "resnet8"), (0.5, "resnet14"), (1.0, "resnet8"), (1.0, "resnet14")]


VARIED = {"loss.kd": [0.5, 1.0, 2.0], "preview.growth_rate": [1.0, 1.005]}


def test_vary_one_leaves_the_other_keys_at_their_values() -> None:
    trials = fixed_trials(study(vary_one=VARIED))
    points = {
        (trial.config.loss["kd"].weight, trial.config.preview.growth_rate) for trial in trials
    }
    assert points == {(1.0, 1.005), (0.5, 1.005), (2.0, 1.005), (1.0, 1.0)}


def test_a_run_that_several_cases_describe_is_trained_once(plan: MakePlan) -> None:
    made = plan(study(vary_one=VARIED))
    assert (made.total, made.done) == (4, 0)
    trials = left(made)
    assert len({trial.identity for trial in trials}) == len(trials) == 4


def test_every_name_of_a_run_that_several_cases_describe_is_said(plan: MakePlan) -> None:
    made = plan(
        study(cases={"KD": {"loss.kd": 2.0}, "twice": {"loss.kd": 2.0}, "B": {}}, seeds=[0, 1])
    )
    assert isinstance(made, FixedPlan)
    assert made.notices() == ["twice is the same run as KD, trained once"]


def test_the_run_of_the_file_stays_the_default_where_cases_repeat_it(plan: MakePlan) -> None:
    """A sensitivity study is read as differences from the trial that changes nothing."""
    default = left(plan(study(vary_one=VARIED)))[0]
    assert (default.case, default.changes) == ("default", {})


def test_pairs_and_seeds_multiply_the_cases() -> None:
    pairs = [{"teacher": "resnet20", "student": name} for name in ("resnet8", "ShuffleV1")]
    spec = study(cases={"a": {}, "b": {"loss.kd": 2.0}}, pairs=pairs, seeds=[3, 5])
    trials = fixed_trials(spec)
    found = [(trial.case, trial.config.student, trial.config.seed) for trial in trials]
    assert found == [
        (case, student, seed)
        for case in ("a", "b")
        for student in ("resnet8", "shufflenetv1")
        for seed in (3, 5)
    ]
    assert len({trial.identity for trial in trials}) == 8
    assert trials[2].config.optimization.learning_rate == 0.01


def test_a_pair_may_change_more_than_the_models() -> None:
    pairs = [
        {"teacher": "resnet20", "student": "resnet8", "changes": {"preview.growth_rate": 1.015}},
        {"teacher": "resnet20", "student": "resnet14"},
    ]
    trials = fixed_trials(study(cases={"a": {}, "b": {"loss.kd": 2.0}}, pairs=pairs))
    assert [trial.config.preview.growth_rate for trial in trials] == [1.015, 1.005] * 2
    assert trials[0].changes["preview.growth_rate"] == 1.015


def test_a_pair_may_change_single_cases_and_leave_others_out() -> None:
    pairs = [
        {"teacher": "resnet20", "student": "resnet8", "cases": {"b": {"loss.dkd.beta": 2.0}}},
        {"teacher": "resnet20", "student": "resnet14", "without": ["a"]},
    ]
    trials = fixed_trials(study(cases={"a": {}, "b": {"method": "dkd"}}, pairs=pairs))
    found = [(trial.case, trial.config.student) for trial in trials]
    assert found == [("a", "resnet8"), ("b", "resnet8"), ("b", "resnet14")]
    assert [trial.config.loss["dkd"].beta for trial in trials[1:]] == [2.0, 8.0]  # type: ignore[attr-defined]
    assert trials[0].config.method == "pckd"


def test_a_pair_without_a_teacher_is_a_student_alone() -> None:
    run = {"data": "digits", "loss": dict.fromkeys(TEACHER_TERMS, 0.0)}
    trials = fixed_trials(study(run=run, pairs=[{"student": "resnet8"}, {"student": "vgg8"}]))
    assert [trial.config.student for trial in trials] == ["resnet8", "vgg8"]
    assert [trial.config.teacher for trial in trials] == [None, None]


def test_a_student_without_a_teacher_is_trained_once_for_all_pairs(plan: MakePlan) -> None:
    pairs = [{"teacher": name, "student": "resnet8"} for name in ("resnet14", "resnet20")]
    alone = {f"loss.{term}": 0.0 for term in TEACHER_TERMS}
    assert plan(study(cases={"Student": alone, "PCKD": {}}, pairs=pairs)).total == 3


def test_a_case_that_is_no_valid_run_is_named() -> None:
    with pytest.raises(InputError, match=r"^study example, KD: loss: kdd is not a known term"):
        fixed_trials(study(cases={"PCKD": {}, "KD": {"loss.kdd": 1.0}}))


def test_workers_that_cannot_share_a_batch_are_refused_before_anything_trains() -> None:
    fixed_trials(study(resources={"workers": 2}))
    with pytest.raises(
        InputError, match=r"^study example, run: optimization\.batch_size is .*, whi"
    ):
        fixed_trials(study(resources={"workers": 5}))


SEEDS = study(seeds=[0, 1, 2, 3, 4])
STATUSES = ["completed", "stopped", "failed", "running"]


@pytest.mark.parametrize(("retry_failed", "again"), [(False, [1, 3, 4]), (True, [1, 2, 3, 4])])
def test_what_is_done_is_not_run_again(
    retry_failed: bool, again: list[int], plan: MakePlan
) -> None:
    """No rule stops trials of this plan early: one that was stopped lacks epochs."""
    statuses = zip(fixed_trials(SEEDS), STATUSES, strict=False)
    made = plan(SEEDS, statuses, retry_failed=retry_failed)
    assert (made.total, made.done) == (5, 5 - len(again))
    assert [trial.config.seed for trial in left(made)] == again


def test_how_trials_ended_is_read_from_their_rows(plan: MakePlan, tmp_path: Path) -> None:
    trials = fixed_trials(SEEDS)[:2]
    plan(SEEDS, zip(trials, ("completed", "failed"), strict=True))
    failed = {"study": "example", "trial": trials[1].identity, "status": "failed", "reason": "no"}
    store = ResultsStore(Storage(tmp_path), "example")
    store.write("trials", trials[1].identity, [failed | {"notices": "the teacher is poor"}])
    outcomes = outcomes_of(store.read("trials"), histories_of(store.read("epochs")))
    assert [
        (outcomes[trial.identity].status, outcomes[trial.identity].reason) for trial in trials
    ] == [
        ("completed", ""),
        ("failed", "no"),
    ]
    assert [outcomes[trial.identity].notices for trial in trials] == ["", "the teacher is poor"]


def test_a_changed_run_is_run_anew(plan: MakePlan) -> None:
    changed = study(seeds=[0, 1], run={**RUN, "optimization": {"epochs": 3}})
    made = plan(changed, [(trial, "completed") for trial in fixed_trials(SEEDS)])
    assert (made.done, len(left(made))) == (0, 2)


def test_a_trial_travels_as_text() -> None:
    (trial,) = fixed_trials(study(cases={"a": {"loss.kd": 0.1 + 0.2, "data.classes": [2, 1]}}))
    assert trial_from_json(trial_to_json(trial)) == trial


@pytest.mark.parametrize("values", [[1.0, 1.0001], [1.005, 1.0051], [0.5, 5], [2, 20]])
def test_cases_of_different_values_have_different_names(values: list[float]) -> None:
    names = [name for name, _ in cases(study(vary_one={"loss.kd": values}))]
    assert len(set(names)) == 3


def test_cases_of_different_keys_have_different_names() -> None:
    keys = ("optimization.epochs", "teacher.optimization.epochs")
    assert len({describe_changes({key: 8}) for key in keys}) == 2
