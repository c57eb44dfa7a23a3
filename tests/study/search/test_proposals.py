"""Proposals of a search, and what Optuna hears of them."""

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from pckd.study.outcome import Outcome
from pckd.study.trial import Trial
from tests.study.search.driver import (
    CHOICE,
    FULL,
    PARTIAL,
    RUN,
    SCHEDULE,
    Driver,
    identities,
    random_first,
    score,
    states,
    study,
)


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


def test_the_points_of_the_file_come_first(driver: Driver) -> None:
    first, second = driver.finish(driver.plan(study(first=[FULL, PARTIAL])), most=2)
    assert (first.config.loss["kd"].weight, first.config.loss["feature_alignment"].weight) == (
        1.0,
        20.0,
    )
    assert second.config.loss["kd"].weight == 3.0


def test_the_same_search_proposes_the_same_points(tmp_path: Path) -> None:
    runs = [Driver(tmp_path / name) for name in ("one", "other")]
    first, second = (identities(one.finish(one.plan(study()))) for one in runs)
    assert first == second


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
