"""Searches and proposals that are no valid runs."""

from typing import Any

import pytest
from optuna.trial import TrialState

from pckd.errors import InputError
from pckd.study.planning import check_plan
from tests.study.search.driver import (
    SCHEDULE,
    Driver,
    random_first,
    states,
    study,
)


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


def test_a_rule_that_stops_nothing_says_so_or_is_refused(driver: Driver) -> None:
    assert driver.plan(study(stop={"grace_epochs": 239})).notices() == []
    assert driver.plan(study(stop={"grace_epochs": 240})).notices() == [
        "no trial is stopped early: search.stop.grace_epochs is all 240"
    ]
    sentence = "search.stop.grace_epochs is 241, and a trial has 240 epochs: take fewer, or leave"
    with pytest.raises(InputError, match=sentence):
        check_plan(study(stop={"grace_epochs": 241}))


def test_points_that_are_not_tried_and_a_sampler_that_never_learns_are_said(
    driver: Driver,
) -> None:
    first = [{"loss.kd": float(weight), "loss.feature_alignment": 1.0} for weight in (1, 2, 3)]
    assert driver.plan(study(trials=2, first=first)).notices() == [
        "of 3 first points 2 are tried: search.trials is 2",
        "all points are drawn at random: sampler tpe learns from 2 on, and search.trials is 2",
    ]
    assert driver.plan(study(trials=2, sampler="random")).notices() == []
