"""A search without any training: what is proposed, what Optuna hears, and how it goes on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.outcome import Outcome
from pckd.study.planning import check_plan, make_plan, optuna_journal
from pckd.study.results import ResultsStore
from pckd.study.samplers import SAMPLERS
from pckd.study.search import SearchPlan
from pckd.study.search_config import StopConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial

PLAIN = dict.fromkeys(("kd", "center_contrast", "feature_alignment", "center_alignment"), 0)
RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
WEIGHTS = {
    "loss.kd": {"low": 0.1, "high": 10.0, "log": True},
    "loss.feature_alignment": {"low": 0.0, "high": 50.0},
}
CHOICE = {"loss.kd.temperature": {"choices": [2.0, 4.0]}}


def random_first(number: int) -> dict[str, Any]:
    """TPE, which learns after a number of random configurations."""
    return {"name": "tpe", "options": {"n_startup_trials": number}}


def study(*, seeds: tuple[int, ...] = (0,), run: Any = RUN, **search: Any) -> StudySpec:  # noqa: ANN401
    given = {"sampler": random_first(2), "parameters": WEIGHTS, "stop": {}}
    plan = {"trials": 6, **given, **search}
    return validate(
        StudySpec, {"study": "hunt", "run": run, "seeds": seeds, "search": plan}, "hunt"
    )


def score(trial: Trial) -> float:
    """The best is kd 1, and a later seed is better by 1."""
    return 80.0 - abs(trial.config.loss["kd"].weight - 1.0) + trial.config.seed


class Driver:
    """Hands out trials, writes their rows, and tells the plan, as a driver of trials would."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder)
        self.store = ResultsStore(self.storage, "hunt")
        self.now = datetime.now(UTC)

    def plan(self, spec: StudySpec, *, retry_failed: bool = False) -> SearchPlan:
        plan = make_plan(spec, self.storage, retry_failed=retry_failed)
        assert isinstance(plan, SearchPlan)
        return plan

    def write(self, trial: Trial, status: str, stop: StopConfig | None = None) -> None:
        earlier = self.store.find("trials", trial.identity) or {}
        self.now += timedelta(seconds=1)
        row = {
            "study": trial.study,
            "trial": trial.identity,
            "case": trial.case,
            "changes": json.dumps(trial.changes),
            "seed": trial.config.seed,
            "status": status,
            "stop_rule": (stop or StopConfig()).text if status == "stopped" else None,
            "started": earlier.get("started", self.now),
            "updated": self.now,
            "last_top1": None if status == "failed" else score(trial),
        }
        self.store.write("trials", trial.identity, [row])

    def start(self, plan: SearchPlan) -> Trial:
        trial = plan.next_trial()
        assert trial is not None
        self.write(trial, "running")
        return trial

    def end(self, plan: SearchPlan, trial: Trial, status: str = "completed") -> None:
        self.write(trial, status)
        plan.tell(trial, Outcome(status, None if status == "failed" else score(trial)))

    def finish(self, plan: SearchPlan, most: int = 1000) -> list[Trial]:
        trials: list[Trial] = []
        while len(trials) < most and (trial := plan.next_trial()) is not None:
            self.end(plan, trial)
            trials.append(trial)
        return trials


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)


def identities(trials: list[Trial]) -> list[str]:
    return [trial.identity for trial in trials]


def told(plan: SearchPlan) -> list[Any]:
    trials = plan.searches[0].study.trials
    return [(trial.params, trial.state, trial.values) for trial in trials]


def states(plan: SearchPlan) -> list[TrialState]:
    return [proposal.state for proposal in plan.searches[0].study.trials]


def test_all_trials_are_handed_out_once(driver: Driver) -> None:
    plan = driver.plan(study(seeds=(0, 1)))
    trials = driver.finish(plan)
    assert len(set(identities(trials))) == len(trials) == plan.total == 12
    assert (plan.done, plan.next_trial()) == (12, None)
    assert [trial.config.seed for trial in trials] == [0, 1] * 6
    for trial in trials:
        assert 0.1 <= trial.config.loss["kd"].weight <= 10.0
        assert trial.config.protocol == "holdout"


def test_optuna_hears_the_mean_when_the_last_seed_is_done(driver: Driver) -> None:
    plan = driver.plan(study(seeds=(0, 1, 2)))
    trials = [driver.start(plan) for _ in range(3)]
    assert {json.dumps(trial.changes) for trial in trials} == {json.dumps(trials[0].changes)}
    for trial, value in zip(reversed(trials), (10.0, 20.0, 60.0), strict=True):
        assert states(plan) == [TrialState.RUNNING]
        plan.tell(trial, Outcome("completed", value))
    assert states(plan) == [TrialState.COMPLETE]
    assert plan.searches[0].study.trials[0].value == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("completed", "failed"), TrialState.FAIL),
        (("stopped", "completed"), TrialState.PRUNED),
        (("stopped", "failed"), TrialState.FAIL),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_partial_result_is_no_result(
    statuses: tuple[str, str], state: TrialState, restarted: bool, driver: Driver
) -> None:
    plan = driver.plan(study(seeds=(0, 1)))
    for trial, status in zip([driver.start(plan), driver.start(plan)], statuses, strict=True):
        driver.end(plan, trial, status)
    assert states(driver.plan(study(seeds=(0, 1))) if restarted else plan) == [state]


FULL, PARTIAL = {"loss.kd": 1, "loss.feature_alignment": 20.0}, {"loss.kd": 3.0}


def test_the_points_of_the_file_come_first(driver: Driver) -> None:
    first, second = driver.finish(driver.plan(study(first=[FULL, PARTIAL])), most=2)
    assert (first.config.loss["kd"].weight, first.config.loss["feature_alignment"].weight) == (
        1.0,
        20.0,
    )
    assert second.config.loss["kd"].weight == 3.0


@pytest.mark.parametrize("point", [FULL, PARTIAL], ids=["all parameters", "some parameters"])
def test_the_points_of_the_file_come_once(point: dict[str, float], driver: Driver) -> None:
    driver.finish(driver.plan(study(first=[point])), most=1)
    later = driver.finish(driver.plan(study(first=[point])))
    assert len(later) == 5
    assert point["loss.kd"] not in {trial.config.loss["kd"].weight for trial in later}


def test_a_search_goes_on_where_it_was_interrupted(driver: Driver) -> None:
    plan = driver.plan(study(seeds=(0, 1)))
    done = driver.finish(plan, most=5)
    interrupted = driver.start(plan)
    again = driver.plan(study(seeds=(0, 1)))
    assert (again.total, again.done) == (12, 5)
    values = [proposal.value for proposal in again.searches[0].study.trials]
    assert values[:2] == [score(done[0]) + 0.5, score(done[2]) + 0.5]
    assert [proposal.params for proposal in again.searches[0].study.trials[:3]] == [
        trial.changes for trial in (done[0], done[2], done[4])
    ]
    trials = driver.finish(again)
    assert trials[0] == interrupted
    assert len(set(identities(done + trials))) == len(done + trials) == 12
    assert driver.plan(study(seeds=(0, 1))).next_trial() is None


@pytest.mark.parametrize(("retry_failed", "first_again"), [(False, False), (True, True)])
def test_a_failed_trial_is_run_again_if_asked(
    retry_failed: bool, first_again: bool, driver: Driver
) -> None:
    plan = driver.plan(study())
    failed = driver.start(plan)
    driver.end(plan, failed, "failed")
    later = driver.finish(driver.plan(study(), retry_failed=retry_failed))
    assert (later[0] == failed) is first_again
    assert len(later) == 5 + first_again


def test_points_that_are_added_to_the_file_come_after_what_is_done(driver: Driver) -> None:
    done = driver.finish(driver.plan(study()), most=2)
    plan = driver.plan(study(first=[FULL]))
    assert plan.done == 2
    assert [proposal.params for proposal in plan.searches[0].study.trials[:2]] == [
        trial.changes for trial in done
    ]
    assert driver.start(plan).config.loss["kd"].weight == 1.0


def test_results_outside_the_range_are_left_out(driver: Driver) -> None:
    driver.finish(driver.plan(study()))
    narrow = {**WEIGHTS, "loss.kd": {"low": 20.0, "high": 30.0}}
    assert driver.plan(study(parameters=narrow)).done == 0


def test_results_of_another_run_are_no_results_of_this_one(driver: Driver) -> None:
    driver.finish(driver.plan(study()))
    changed = driver.plan(study(run={**RUN, "optimization": {"epochs": 3}}))
    assert (changed.done, states(changed)) == (0, [])
    assert len(driver.finish(changed)) == 6


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_any_sampler_goes_on_after_a_restart(sampler: str, driver: Driver) -> None:
    spec = study(sampler=sampler, trials=7, seeds=(0, 1))
    plan = driver.plan(spec)
    for status in ("completed", "completed", "completed", "completed", "stopped", "failed"):
        driver.end(plan, driver.start(plan), status)
    interrupted = [driver.start(plan), driver.start(plan)]
    before = told(plan)
    again = driver.plan(spec)
    assert told(again) == before
    assert (again.total, again.done) == (plan.total, 6) == (12, 6)
    trials = driver.finish(again)
    assert trials[:2] == interrupted
    assert len(trials) == len(set(identities(trials))) == 6


def test_what_is_finished_takes_one_record_of_the_journal(driver: Driver) -> None:
    spec = study(trials=3)
    driver.finish(driver.plan(spec))
    rows = driver.store.read("trials")
    history = tuple(float(epoch) for epoch in range(50))
    outcomes = {trial: Outcome("completed", 49.0, history=history) for trial in rows["trial"]}
    plan = SearchPlan(spec, rows, outcomes, {}, optuna_journal(spec, driver.storage))
    assert [trial.last_step for trial in plan.searches[0].study.trials] == [50] * 3
    journal = Path(driver.storage.full_path("hunt/optuna.journal"))
    assert len(journal.read_text().splitlines()) == 1 + 3


@pytest.mark.parametrize("sampler", ["random", random_first(100)], ids=["random", "tpe"])
def test_a_restart_proposes_new_points(sampler: Any, driver: Driver) -> None:  # noqa: ANN401
    points: list[float] = []
    for trials in (3, 6, 9):
        plan = driver.plan(study(sampler=sampler, trials=trials))
        points += [trial.config.loss["kd"].weight for trial in driver.finish(plan)]
    assert len(points) == len(set(points)) == 9


def test_the_same_search_proposes_the_same_points(tmp_path: Path) -> None:
    runs = [Driver(tmp_path / name) for name in ("one", "other")]
    first, second = (identities(one.finish(one.plan(study()))) for one in runs)
    assert first == second


def test_an_interrupted_random_search_proposes_what_an_undisturbed_one_does(
    tmp_path: Path,
) -> None:
    spec = study(sampler="random", seeds=(0, 1))
    undisturbed = Driver(tmp_path / "undisturbed")
    expected = identities(undisturbed.finish(undisturbed.plan(spec)))
    driver = Driver(tmp_path / "interrupted")
    found = identities(driver.finish(driver.plan(spec), most=3))
    plan = driver.plan(spec)
    interrupted = [driver.start(plan) for _ in range(3)]
    found += identities(driver.finish(driver.plan(spec)))
    assert set(identities(interrupted)) <= set(found)
    assert found == expected


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_choice_that_is_proposed_again_is_not_trained_again(
    side_by_side: bool, driver: Driver
) -> None:
    plan = driver.plan(study(parameters=CHOICE, trials=8, sampler="random"))
    if side_by_side:
        trials: list[Trial] = []
        while (trial := plan.next_trial()) is not None:
            trials.append(trial)
        for trial in trials:
            driver.end(plan, trial)
    else:
        trials = driver.finish(plan)
    assert len(trials) == len(set(identities(trials))) == 2
    assert states(plan) == [TrialState.COMPLETE] * 8
    assert plan.total == plan.done == 2


def test_the_sampler_learns(driver: Driver) -> None:
    """Halves of 24 trials: the later ones lie nearer to the best weight than the random ones."""
    trials = driver.finish(driver.plan(study(trials=24, sampler=random_first(12))))
    scores = [score(trial) for trial in trials]
    assert sum(scores[12:]) > sum(scores[:12]) + 6.0


@pytest.mark.parametrize(
    ("key", "bounds"), [("optimization.batch_size", (16, 64)), ("loss.crd.negatives", (10, 100))]
)
def test_a_key_of_whole_numbers_that_is_searched_as_a_float_is_refused(
    key: str, bounds: tuple[int, int]
) -> None:
    searched = {key: {"low": float(bounds[0]), "high": float(bounds[1])}}
    sentence = f"^study hunt, search: {key} takes whole numbers only: add `type: int` to it$"
    with pytest.raises(InputError, match=sentence):
        check_plan(study(parameters=searched))
    check_plan(study(parameters={key: {**searched[key], "type": "int"}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"loss.kdd": {"low": 0.1, "high": 1.0}}},
        {"parameters": {"loss.kd.temperature": {"low": 0.0, "high": 4.0}}},
        {"parameters": {"student": {"choices": ["resnet8", "resnt14"]}}},
        {"seeds": (-1,)},
    ],
    ids=["unknown key", "value that the key does not take", "misspelt choice", "negative seed"],
)
def test_a_search_that_cannot_run_is_refused_before_its_first_trial(
    changes: dict[str, Any], driver: Driver
) -> None:
    with pytest.raises(InputError):
        driver.plan(study(**changes))


SCHEDULE = {
    "optimization.epochs": {"type": "int", "low": 2, "high": 6},
    "optimization.warmup_epochs": {"type": "int", "low": 0, "high": 4},
}
"""Warm-up must be shorter than training: each is valid beside the run's 240 epochs."""


@pytest.mark.parametrize("sampler", ["random", random_first(1)], ids=["random", "tpe"])
def test_values_that_are_invalid_only_together_do_not_end_a_search(
    sampler: Any,  # noqa: ANN401
    driver: Driver,
) -> None:
    """TPE learns nothing from what failed, and would propose the first point for ever."""
    first = [{"optimization.epochs": 2, "optimization.warmup_epochs": 1}]
    parameters = {**SCHEDULE, "loss.kd": {"low": 0.1, "high": 1.0}}
    spec = study(parameters=parameters, sampler=sampler, first=first)
    plan = driver.plan(spec)
    trials = driver.finish(plan)
    assert len(trials) == plan.total == plan.done == 6
    assert states(plan).count(TrialState.FAIL) == len(plan.refused)
    assert sampler != "random" or "warmup_epochs is" in plan.refused[0]
    again = driver.plan(spec)
    assert (again.done, again.total, again.next_trial()) == (6, 6, None)


def test_a_space_without_a_valid_run_is_refused_before_its_first_trial() -> None:
    parameters = {
        "optimization.epochs": {"type": "int", "low": 2, "high": 3},
        "optimization.warmup_epochs": {"type": "int", "low": 4, "high": 5},
    }
    with pytest.raises(InputError, match=r"none is a valid run; the last: .*warmup_epochs is"):
        check_plan(study(parameters=parameters))


def test_rows_that_are_no_valid_runs_any_more_are_left_out(driver: Driver) -> None:
    spec = study(parameters=SCHEDULE)
    earlier = {"optimization.epochs": 4, "optimization.warmup_epochs": 3}
    trial = make_trial(spec, "run", earlier, 0)
    driver.write(replace(trial, changes={**earlier, "optimization.epochs": 3}), "completed")
    assert driver.plan(spec).done == 0


@pytest.mark.parametrize(
    ("stop", "is_done"),
    [
        ({"grace_epochs": 2}, True),
        ({"grace_epochs": 3}, False),
        ({"grace_epochs": 2, "scheduler": "median"}, False),
        (None, False),
    ],
    ids=["the same rule", "more grace", "another rule", "no rule"],
)
def test_what_another_rule_stopped_runs_again(
    stop: Any,  # noqa: ANN401
    is_done: bool,
    driver: Driver,
) -> None:
    spec = study(stop={"grace_epochs": 2})
    plan = driver.plan(spec)
    trial = driver.start(plan)
    driver.write(trial, "stopped", plan.stop)
    again = driver.plan(study(stop=stop))
    assert again.done == is_done
    assert (driver.start(again) == trial) is not is_done


def test_a_rule_that_stops_nothing_says_so(driver: Driver) -> None:
    never = driver.plan(study(stop={"grace_epochs": 240}))
    assert never.notices() == [
        "no trial is stopped early: search.stop.grace_epochs is 240, and a trial has 240 epochs"
    ]
    assert driver.plan(study(stop={"grace_epochs": 239})).notices() == []


def test_the_budget_of_a_search_over_epochs_is_the_largest(driver: Driver) -> None:
    short = {**RUN, "optimization": {"epochs": 5}}
    assert driver.plan(study(run=short)).epochs == 5
    assert driver.plan(study(run=short, parameters=SCHEDULE)).epochs == 6


def test_a_condition_is_met_where_its_parameter_is_tried(driver: Driver) -> None:
    """DKD has no teacher to learn from where the method is plain cross entropy."""
    parameters = {
        "method": {"choices": ["cross_entropy", "dkd"]},
        "preview.applies_to": {"choices": ["dkd"], "when": {"method": "dkd"}},
    }
    search = study(parameters=parameters).search
    assert search is not None
    assert [point for _, point in search.corners()] == [
        {"method": "cross_entropy"},
        {"method": "dkd"},
        {"method": "dkd", "preview.applies_to": "dkd"},
    ]
