"""Early stopping by Ray Tune's schedulers, which also know what earlier drivers recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from pckd.study.outcome import History
from pckd.study.search import Recorded
from pckd.study.search_config import StopConfig
from pckd.study.trial import trial_from_json

REDUCTION_FACTOR = 3.0
"""ASHA's default: of so many trials one goes on."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A placeholder for a trial of an earlier driver."""

    trial_id: str


class _Recalling(TrialScheduler):
    """A scheduler that also knows what earlier drivers recorded.

    Through the interface by which Tune tells it of reports. A trial that goes on brings its own
    earlier epochs. Tune's trials end with a report that has a status and no epoch.
    """

    recorded = Recorded({}, {})

    def on_trial_add(self, controller: Any, trial: Any) -> None:  # noqa: ANN401
        """Tune has a new trial."""
        ended, self.recorded = self.recorded.ended, self.recorded._replace(ended={})
        for identity, accuracies in ended.items():
            stand_in = _Ended(identity)
            super().on_trial_add(controller, stand_in)
            self._replay(controller, stand_in, accuracies)
        super().on_trial_add(controller, trial)
        identity = trial_from_json(trial.config["trial"]).identity
        self._replay(controller, trial, self.recorded.interrupted.pop(identity, ()))

    def on_trial_result(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:  # noqa: ANN401
        """The decision on a report.

        No trial is paused, for its process would be gone; and none is stopped after its last epoch,
        because stopping would save nothing and skip the test.
        """
        decision = str(super().on_trial_result(controller, trial, result))
        goes_on = decision == self.PAUSE or result.get("epoch", 0) >= _epochs(trial)
        return self.CONTINUE if goes_on else decision

    def on_trial_complete(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> None:  # noqa: ANN401
        """A trial ended."""
        if "epoch" in result:
            super().on_trial_complete(controller, trial, result)

    def _replay(self, controller: Any, trial: Any, accuracies: History) -> None:  # noqa: ANN401
        for epoch, top1 in enumerate(accuracies, 1):
            self.on_trial_result(controller, trial, {"epoch": epoch, "top1": top1})


class _Asha(_Recalling, ASHAScheduler):
    pass


class _Median(_Recalling, MedianStoppingRule):
    def _replay(self, controller: Any, trial: Any, accuracies: History) -> None:  # noqa: ANN401
        # Noted without a decision, for which each report is compared with all others.
        for epoch, top1 in enumerate(accuracies, 1):
            self.on_trial_complete(controller, trial, {"epoch": epoch, "top1": top1})


def _epochs(trial: Any) -> int:  # noqa: ANN401
    """Full budget of a trial; none for a placeholder, which needs no decision."""
    if isinstance(trial, _Ended):
        return 0
    return trial_from_json(trial.config["trial"]).config.optimization.epochs


class _ByCase(FIFOScheduler):
    """A scheduler that compares each trial with those of its own case alone."""

    def __init__(self, schedulers: Mapping[str, TrialScheduler]) -> None:
        self.schedulers = schedulers

    def on_trial_add(self, controller: Any, trial: Any) -> None:  # noqa: ANN401
        """Tune has a new trial."""
        self._of(trial).on_trial_add(controller, trial)

    def on_trial_result(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> str:  # noqa: ANN401
        """The decision on a report."""
        return str(self._of(trial).on_trial_result(controller, trial, result))

    def on_trial_complete(self, controller: Any, trial: Any, result: Mapping[str, Any]) -> None:  # noqa: ANN401
        """A trial ended."""
        self._of(trial).on_trial_complete(controller, trial, result)

    def on_trial_remove(self, controller: Any, trial: Any) -> None:  # noqa: ANN401
        """A trial is gone before its end."""
        self._of(trial).on_trial_remove(controller, trial)

    def on_trial_error(self, controller: Any, trial: Any) -> None:  # noqa: ANN401
        """A trial failed."""
        self._of(trial).on_trial_error(controller, trial)

    def _of(self, trial: Any) -> TrialScheduler:  # noqa: ANN401
        return self.schedulers[trial_from_json(trial.config["trial"]).space]


def stopping(config: StopConfig, epochs: int, recorded: Mapping[str, Recorded]) -> TrialScheduler:
    """Ray Tune's scheduler that stops hopeless trials, those of each case among themselves.

    Args:
        config: Which one, and its options.
        epochs: Full budget of a trial; the largest, where they differ.
        recorded: The epochs that earlier drivers saw, by case.
    """
    return _ByCase({case: _scheduler(config, epochs, each) for case, each in recorded.items()})


def _scheduler(config: StopConfig, epochs: int, recorded: Recorded) -> TrialScheduler:
    common = {"time_attr": "epoch", "metric": "top1", "mode": "max"}
    scheduler: _Recalling
    if config.scheduler == "median":
        scheduler = _Median(grace_period=config.grace_epochs, **common)
    else:
        scheduler = _Asha(
            max_t=epochs,
            grace_period=min(config.grace_epochs, epochs),
            reduction_factor=config.reduction_factor or REDUCTION_FACTOR,
            stop_last_trials=False,
            **common,
        )
    scheduler.recorded = recorded
    return scheduler
