"""Early stopping, told by hand what Tune would tell it: no cluster starts."""

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from pckd.distributed.stopping import stopping
from pckd.study.outcome import History
from pckd.study.search import Recorded
from pckd.study.search_config import StopConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import make_trial, trial_to_json

WEAK: History = (10.0, 20.0, 30.0, 40.0)
STRONG: History = (60.0, 70.0, 80.0, 90.0)
ENDED = {"a": STRONG, "b": STRONG, "c": STRONG}
CONTROLLER: Any = SimpleNamespace(get_live_trials=lambda: [SimpleNamespace(status="PENDING")])


class _TuneTrial:
    """Stand-in for Tune's trial, as a scheduler sees it."""

    def __init__(self, spec: StudySpec, seed: int, epochs: int = 9) -> None:
        trial = make_trial(spec, "case", {"optimization.epochs": epochs}, seed)
        self.identity = trial.identity
        self.trial_id = f"tune-{seed}"
        self.config = {"trial": trial_to_json(trial)}


def _report(scheduler: TrialScheduler, trial: _TuneTrial, epoch: int, top1: float) -> str:
    return str(scheduler.on_trial_result(CONTROLLER, trial, {"epoch": epoch, "top1": top1}))


@pytest.fixture(name="trials")
def _trials(make_study: Any) -> list[_TuneTrial]:  # noqa: ANN401
    return [_TuneTrial(make_study(), seed) for seed in range(5)]


@pytest.mark.parametrize("name", ["asha", "median"])
@pytest.mark.parametrize(
    ("ended", "decision"), [({}, TrialScheduler.CONTINUE), (ENDED, TrialScheduler.STOP)]
)
def test_a_trial_is_judged_beside_those_of_an_earlier_driver(
    name: str, ended: dict[str, Any], decision: str, trials: list[_TuneTrial]
) -> None:
    config = StopConfig.model_validate({"scheduler": name})
    scheduler = stopping(config, 9, {"": Recorded(ended, {})})
    scheduler.on_trial_add(CONTROLLER, trials[0])
    assert _report(scheduler, trials[0], 1, WEAK[0]) == decision


@pytest.mark.parametrize("name", ["asha", "median"])
@pytest.mark.parametrize("epochs", [4, 5])
def test_a_trial_that_reached_its_last_epoch_is_not_stopped(
    name: str,
    epochs: int,
    make_study: Any,  # noqa: ANN401
) -> None:
    """ASHA has a rung at the end, too, where epochs are a power of its factor.

    Trials whose epochs are searched have budgets of their own.
    """
    factor = {"reduction_factor": 2} if name == "asha" else {}
    config = StopConfig.model_validate({"scheduler": name, **factor})
    scheduler = stopping(config, 9, {"": Recorded(ENDED, {})})
    trial = _TuneTrial(make_study(), 0, epochs)
    scheduler.on_trial_add(CONTROLLER, trial)
    assert _report(scheduler, trial, 4, WEAK[3]) == (
        TrialScheduler.CONTINUE if epochs == 4 else TrialScheduler.STOP
    )


def test_a_trial_that_goes_on_keeps_the_rungs_that_it_passed(trials: list[_TuneTrial]) -> None:
    """Without its first epochs its accuracy after the fifth would stand in the first rungs."""
    interrupted = {trials[0].identity: WEAK}
    scheduler = stopping(StopConfig(), 9, {"": Recorded(ENDED, interrupted)})
    scheduler.on_trial_add(CONTROLLER, trials[0])
    assert _report(scheduler, trials[0], 5, 50.0) == TrialScheduler.CONTINUE
    (bracket,) = scheduler.schedulers[""]._brackets
    rungs = {milestone: recorded["tune-0"] for milestone, recorded in bracket._rungs if recorded}
    assert rungs == {3.0: WEAK[2], 1.0: WEAK[0]}


@pytest.mark.parametrize("name", ["asha", "median"])
def test_trials_that_ended_with_a_status_are_still_there_for_others(
    name: str, trials: list[_TuneTrial]
) -> None:
    scheduler = stopping(StopConfig.model_validate({"scheduler": name}), 9, {"": Recorded({}, {})})
    for trial in trials[:4]:
        scheduler.on_trial_add(CONTROLLER, trial)
        for epoch, top1 in enumerate(STRONG, 1):
            assert _report(scheduler, trial, epoch, top1) == TrialScheduler.CONTINUE
        scheduler.on_trial_complete(CONTROLLER, trial, {"status": "completed"})
    scheduler.on_trial_add(CONTROLLER, trials[4])
    assert _report(scheduler, trials[4], 1, WEAK[0]) == TrialScheduler.STOP
