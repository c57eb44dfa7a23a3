"""Power before launch: what seeds can show, from which deviation, at what cost."""

import math
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study import cost
from pckd.study.cost import Cost, check_budget
from pckd.study.estimate import Estimate
from pckd.study.placement import Placement
from pckd.study.planning import make_plan
from pckd.study.power import (
    difference_shown,
    difference_shown_until_clear,
    seeds_for,
    stored_deviation,
)
from pckd.study.power_words import power_lines
from pckd.study.repeated_intervals import critical_values
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.rows import trial_columns
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial
from pckd.study.verdicts import look_at
from tests.study.plans import fixed_trials, row_of

RUN = {"data": {"name": "digits", "classes": [0, 1]}, "student": "resnet8", "teacher": "resnet14"}
CASES = {"KD": {"method": "kd"}, "CE": {"method": "cross_entropy"}}
SEEDS = {"until": "clear", "against": "CE", "smallest_difference": 0.5, "at_most": 8}
CONFIRM = {"candidates": "KD", "against": "CE", "smallest_difference": 0.5, "seeds": {"at_most": 8}}


def _spec(**changes: Any) -> StudySpec:  # noqa: ANN401
    return validate(StudySpec, {"study": "power", "run": RUN, "cases": CASES, **changes}, "power")


def _store(storage: Storage, spec: StudySpec, accuracies: dict[str, list[float]]) -> None:
    for case, values in accuracies.items():
        for seed, top1 in enumerate(values):
            trial = make_trial(spec, case, CASES[case], seed)
            row = {**trial_columns(trial), "status": "completed", "test_top1": top1}
            ResultsStore(storage, spec.study).write("trials", trial.identity, [row])


@pytest.mark.parametrize("seeds", [2, 3, 12])
def test_the_difference_that_seeds_show_is_found_four_times_in_five(seeds: int) -> None:
    """By t-tests of 20,000 simulated studies: 0.8 within 4 sigma, 0.0113."""
    shown = difference_shown(1.7, seeds, 0.05)
    drawn = shown + 1.7 * np.random.default_rng(1).standard_normal((20_000, seeds))
    found = stats.ttest_1samp(drawn, 0, axis=1)
    power = float(np.mean((found.pvalue < 0.05) & (found.statistic > 0)))
    assert power == pytest.approx(0.8, abs=0.0113)


def test_seeds_for_a_difference_are_the_fewest_that_show_it() -> None:
    seeds = seeds_for(0.8, 0.5, 0.025)
    assert seeds is not None
    assert difference_shown(0.8, seeds, 0.025) <= 0.5 < difference_shown(0.8, seeds - 1, 0.025)
    assert seeds_for(50.0, 0.1, 0.05) is None
    assert difference_shown(1.0, 1, 0.05) == math.inf


def test_seeds_until_clear_show_their_difference_four_times_in_five() -> None:
    """On studies of their own: 0.8 within 4 sigma of both simulations, 0.044."""
    shown, mean = difference_shown_until_clear(0.8, 0.5, 0.05, 4, 8)
    drawn = shown + 0.8 * np.random.default_rng(7).standard_normal((4_000, 8))
    looks = look_at(drawn, critical_values(0.05, 4, 8), 4, 0.5)
    power = float(np.mean(looks.better[np.arange(4_000), looks.end]))
    assert power == pytest.approx(0.8, abs=0.044)
    assert mean == pytest.approx(looks.end.mean() + 4, abs=0.3)


def test_the_deviation_comes_from_stored_differences(tmp_path: Path) -> None:
    storage, spec = Storage(tmp_path), _spec()
    assumed = stored_deviation(spec.base_run("test"), storage, 200)
    assert (assumed.points, "assumed" in assumed.origin) == (5.0, True)
    accuracies = {"KD": [50.0, 52.0, 51.0], "CE": [49.0, 49.5, 50.5]}
    _store(storage, spec, accuracies)
    found = stored_deviation(spec.base_run("test"), storage, 200)
    assert found.points == pytest.approx(np.std([1.0, 2.5, 0.5], ddof=1))
    assert "2 degrees" in found.origin
    others = ({**RUN, "student": "resnet14"}, {**RUN, "data": "digits"})
    for other in (_spec(run=run).base_run("test") for run in others):
        assert "assumed" in stored_deviation(other, storage, 200).origin


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seeds": [0]}, "noise stays unknown"),
        ({"seeds": [0, 1, 2]}, "3 seeds show a difference of"),
        ({"seeds": SEEDS}, "4 to 8 seeds show a difference of"),
        ({"seeds": SEEDS}, "on average (level 0.05)"),
        (
            {"seeds": SEEDS, "cases": {**CASES, "FitNet": {"method": "fitnet"}}},
            "2 comparisons share",
        ),
        ({"seeds": SEEDS}, "smallest_difference 0.5 takes"),
        ({"confirm": CONFIRM}, "confirm: 4 to 8 seeds show"),
        (
            {"confirm": CONFIRM, "pairs": [{"student": "resnet8"}, {"student": "resnet14"}]},
            "2 comparisons share",
        ),
    ],
)
def test_what_seeds_show_is_said(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    assert named in "\n".join(power_lines(_spec(**changes), Storage(tmp_path)))


def test_a_single_run_shows_nothing(tmp_path: Path) -> None:
    assert list(power_lines(_spec(cases=None), Storage(tmp_path))) == []


def test_the_bill_counts_gpus_or_cores() -> None:
    six = Estimate(6 * 1800.0, 6, 0, 0)
    gpus = Resources(gpus_per_worker=0.25, price=2.0)
    assert Cost(6, 2, six, 3600.0, gpus).bill == "1.25 GPU-hours at most, for 2.50"
    assert Cost(6, 2, six, 0.0, Resources(cpus_per_worker=2)).bill == "8.00 core-hours at most"


def test_workers_that_share_a_batch_cost_no_more_than_one() -> None:
    six = Estimate(6 * 1800.0, 6, 0, 0)
    bills = {Cost(6, 2, six, 0.0, Resources(workers=workers)).bill for workers in (1, 4)}
    assert bills == {"4.00 core-hours at most"}


def test_a_search_costs_from_its_shortest_trial_to_its_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch takes ten times as long where the method is not plain cross entropy."""

    def timed(trial: Trial) -> Estimate:
        epochs = trial.config.optimization.epochs
        each = 1.0 if trial.config.method == "cross_entropy" else 10.0
        return Estimate(each * epochs, epochs, 0, 0)

    monkeypatch.setattr(cost, "estimate_each", lambda trials, _: [timed(each) for each in trials])
    search = {
        "trials": 3,
        "parameters": {
            "optimization.epochs": {"type": "int", "low": 2, "high": 6},
            "method": {"choices": ["cross_entropy", "kd"]},
        },
    }
    spec = _spec(cases=None, search=search, seeds=[0, 1])
    plan = make_plan(spec, Storage(tmp_path), retry_failed=False)
    found = cost.cost_of(spec, plan, [], [])
    assert (found.shortest, found.seconds_each, found.trials) == (2.0, 60.0, 6)
    assert found.hours == 6 * 60 / 3600


def test_a_study_beyond_its_budget_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_an_hour = 1800.0
    monkeypatch.setattr(
        cost, "estimate", lambda trials, _: SimpleNamespace(seconds=half_an_hour * len(trials))
    )
    monkeypatch.setattr(cost, "missing_teachers", lambda *_: [])
    spec = _spec(seeds=[0, 1])
    check_budget(spec, Storage(tmp_path), 2.0)
    with pytest.raises(InputError, match=r"about 2\.00 hours, .* 1\.5: 3 of its 4"):
        check_budget(spec, Storage(tmp_path), 1.5)


def test_a_budget_holds_for_what_starts_over_or_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cost, "estimate", lambda trials, _: SimpleNamespace(seconds=1800.0 * len(trials))
    )
    monkeypatch.setattr(cost, "missing_teachers", lambda *_: [])
    storage, spec = Storage(tmp_path), _spec(seeds=[0])
    first, second = fixed_trials(spec)
    for trial, status in ((first, "completed"), (second, "failed")):
        row = row_of(trial, status, datetime.now(UTC))
        ResultsStore(storage, spec.study).write("trials", trial.identity, [row])
    check_budget(spec, storage, 0.0)
    with pytest.raises(InputError, match=r"about 0\.50 hours"):
        check_budget(spec, storage, 0.4, retry_failed=True)
    with pytest.raises(InputError, match=r"about 1\.00 hours"):
        check_budget(spec, storage, 0.9, fresh=True)
    with pytest.raises(InputError, match=r"-confirm takes about 8\.00 hours"):
        check_budget(_spec(seeds=[0], confirm=CONFIRM), storage, 7.9)


def test_trials_that_take_no_gpu_are_timed_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices: list[str] = []

    def timed(trials: list[Trial], placement: Placement) -> Estimate:
        devices.append(placement.device.type)
        return Estimate(1.0, 1, 0, 0)

    monkeypatch.setattr(cost, "estimate", timed)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for gpus in (0.0, 0.25):
        spec = _spec(seeds=[0], resources={"gpus_per_worker": gpus})
        cost.cost_of(spec, make_plan(spec, Storage(tmp_path), retry_failed=False), [], [])
    assert devices == ["cpu", "cuda"]
