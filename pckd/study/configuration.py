"""One configuration of a search: one trial per seed, one result for Optuna."""

from collections.abc import Collection
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import optuna
from optuna.trial import TrialState

from pckd.models import model_info
from pckd.study.outcome import Outcome
from pckd.study.trial import Trial


def state_of(outcomes: Collection[Outcome]) -> TrialState:
    """Optuna's state of a configuration whose seeds ended so."""
    statuses = {outcome.status for outcome in outcomes}
    if "failed" in statuses:
        return TrialState.FAIL
    return TrialState.PRUNED if "stopped" in statuses else TrialState.COMPLETE


def mean_history(outcomes: Collection[Outcome]) -> dict[int, float]:
    """Mean accuracy over seeds by epoch, up to the last epoch that all seeds reached."""
    histories = zip(*(outcome.history for outcome in outcomes), strict=False)
    return {epoch: mean(values) for epoch, values in enumerate(histories, 1)}


def mean_objectives(
    outcomes: Collection[Outcome], objectives: tuple[str, ...], student: str
) -> list[float] | None:
    """Mean objectives over the seeds of a completed configuration; None of any other.

    Args:
        outcomes: Of all its seeds.
        objectives: Of the search.
        student: Its architecture.
    """
    if state_of(outcomes) != TrialState.COMPLETE:
        return None
    values = {
        "accuracy": mean(outcome.value or 0.0 for outcome in outcomes),
        "seconds": mean(outcome.seconds for outcome in outcomes),
    }
    if "flops" in objectives:
        values["flops"] = float(model_info(student).flops)
    return [values[name] for name in objectives]


@dataclass(slots=True)
class Configuration:
    """State of a configuration."""

    changes: dict[str, Any]
    trials: list[Trial]
    """Trials, one per seed."""
    outcomes: dict[str, Outcome]
    """Outcomes of the trials that have ended, by identity."""
    waiting: list[Trial] = field(init=False)
    """Trials that have neither ended nor been handed out."""
    proposals: list[optuna.trial.Trial] = field(default_factory=list)
    """Optuna's trials; several if the sampler proposed the same values again."""

    def __post_init__(self) -> None:
        self.waiting = [trial for trial in self.trials if trial.identity not in self.outcomes]

    @property
    def has_ended(self) -> bool:
        """Return whether no trial runs or waits."""
        return len(self.outcomes) == len(self.trials)

    @property
    def state(self) -> TrialState:
        """Return the state that Optuna is told once the configuration has ended."""
        return state_of(self.outcomes.values())

    def take(self, identity: str, outcome: Outcome) -> bool:
        """Note the outcome of one of its trials; return whether there is such a one."""
        if all(trial.identity != identity for trial in self.trials):
            return False
        self.waiting = [trial for trial in self.waiting if trial.identity != identity]
        self.outcomes[identity] = outcome
        return True

    def leave_out_hopeless(self) -> int:
        """Skip the remaining seeds once one was stopped or failed; return how many."""
        if self.state == TrialState.COMPLETE:
            return 0
        left_out = len(self.waiting)
        self.trials = [trial for trial in self.trials if trial not in self.waiting]
        self.waiting = []
        return left_out

    def attributes(self) -> dict[str, Any]:
        """Attributes that Optuna keeps beside the parameters."""
        return {"trials": [trial.identity for trial in self.trials]}

    def accuracies(self) -> dict[int, float]:
        """Mean accuracy over seeds by epoch, as `mean_history` has it."""
        return mean_history(self.outcomes.values())

    def values(self, objectives: tuple[str, ...]) -> list[float] | None:
        """Mean objectives over the seeds, as `mean_objectives` has them."""
        student = self.trials[0].config.student
        return mean_objectives(self.outcomes.values(), objectives, student)
