"""A driver of searches that trains nothing, and the search that it drives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.outcome import Outcome
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore
from pckd.study.search import SearchPlan
from pckd.study.search_config import StopConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from tests.study.plans import row_of

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}


WEIGHTS = {
    "loss.kd": {"low": 0.1, "high": 10.0, "log": True},
    "loss.feature_alignment": {"low": 0.0, "high": 50.0},
}


CHOICE = {"loss.kd.temperature": {"choices": [2.0, 4.0]}}


FULL, PARTIAL = {"loss.kd": 1, "loss.feature_alignment": 20.0}, {"loss.kd": 3.0}


SCHEDULE = {
    "optimization.epochs": {"type": "int", "low": 2, "high": 6},
    "optimization.warmup_epochs": {"type": "int", "low": 0, "high": 4},
}
"""Warm-up must be shorter than training: each is valid beside the run's 240 epochs."""


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
            **row_of(trial, status, self.now),
            "stop_rule": (stop or StopConfig()).text if status == "stopped" else None,
            "started": earlier.get("started", self.now),
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


def identities(trials: list[Trial]) -> list[str]:
    return [trial.identity for trial in trials]


def states(plan: SearchPlan) -> list[TrialState]:
    return [proposal.state for proposal in plan.searches[0].study.trials]
