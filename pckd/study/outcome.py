"""Outcomes of trials, read from the results store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.search_config import StopConfig

if TYPE_CHECKING:
    from pckd.study.trial import Trial

History = tuple[float, ...]
"""Accuracies in percent, an epoch each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a trial."""

    status: str
    """completed, stopped or failed."""
    value: float | None
    """Last top-1 accuracy on the images that select, in percent; None if there is none."""
    reason: str = ""
    seconds: float = 0.0
    """Training time of all epochs."""
    history: History = ()
    """The accuracy after each epoch, from the first."""
    stop_rule: str | None = None
    """The rule that stopped it, as its row has it; None in rows of earlier versions."""
    test: float | None = None
    """Top-1 accuracy of the trained student on the test images, in percent."""
    notices: str = ""
    """Sentences for the user about the run."""


def read_outcome(trial: "Trial", storage: Storage) -> Outcome:
    """Read the outcome of a trial.

    Raises:
        RunError: The trial has no final row; its process probably died.
    """
    store = ResultsStore(storage, trial.study)
    outcomes = outcomes_of(
        store.read_one("trials", trial.identity),
        histories_of(store.read_one("epochs", trial.identity)),
    )
    if trial.identity not in outcomes:
        raise RunError(f"trial {trial.identity} ended without a result")
    return outcomes[trial.identity]


def histories_of(epochs: pd.DataFrame) -> dict[str, History]:
    """Collect the accuracies of each trial from rows of the table `epochs`, by identity."""
    by_trial = epochs.sort_values("epoch").groupby("trial")["top1"]
    return {str(trial): tuple(values) for trial, values in by_trial}


def outcomes_of(trials: pd.DataFrame, histories: Mapping[str, History]) -> dict[str, Outcome]:
    """List the outcomes of all trials that have ended, by identity.

    Args:
        trials: Rows of the table `trials`.
        histories: Of `histories_of`.
    """
    return {
        row["trial"]: Outcome(
            status=row["status"],
            value=None if pd.isna(row["last_top1"]) else row["last_top1"],
            reason="" if pd.isna(row["reason"]) else row["reason"],
            seconds=0.0 if pd.isna(row["seconds"]) else row["seconds"],
            history=histories.get(row["trial"], ()),
            stop_rule=None if pd.isna(row["stop_rule"]) else row["stop_rule"],
            test=None if pd.isna(row["test_top1"]) else row["test_top1"],
            notices="" if pd.isna(row["notices"]) else row["notices"],
        )
        for row in trials.to_dict("records")
        if row["status"] != "running"
    }


def finished(
    outcomes: dict[str, Outcome], *, retry_failed: bool, stop: StopConfig | None
) -> dict[str, Outcome]:
    """Select the outcomes of the trials that need not run again.

    Args:
        outcomes: Of trials that have ended, by identity.
        retry_failed: Whether those that failed run again.
        stop: The study's rule for early stopping; what another rule stopped runs again.
    """
    return {
        identity: outcome
        for identity, outcome in outcomes.items()
        if outcome.status == "completed"
        or (outcome.status == "failed" and not retry_failed)
        or (outcome.status == "stopped" and stop is not None and _stopped_by(stop, outcome))
    }


def _stopped_by(stop: StopConfig, outcome: Outcome) -> bool:
    """Return whether this rule stopped a trial; of earlier rows it is known only what it allows."""
    if outcome.stop_rule is None:
        return len(outcome.history) >= stop.grace_epochs
    return outcome.stop_rule == stop.text
