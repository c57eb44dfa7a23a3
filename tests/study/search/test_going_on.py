"""A search that was interrupted, or whose file was changed, goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pckd.study.outcome import Outcome
from pckd.study.planning import optuna_journal
from pckd.study.samplers import SAMPLERS
from pckd.study.search import SearchPlan
from pckd.study.trial import make_trial
from tests.study.search.driver import (
    FULL,
    PARTIAL,
    RUN,
    SCHEDULE,
    WEIGHTS,
    Driver,
    identities,
    random_first,
    score,
    states,
    study,
)


def told(plan: SearchPlan) -> list[Any]:
    trials = plan.searches[0].study.trials
    return [(trial.params, trial.state, trial.values) for trial in trials]


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
