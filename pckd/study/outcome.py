"""Outcomes of trials, read from the results store."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.trial import Trial

History = tuple[float, ...]
"""Accuracies in percent, an epoch each."""

DONE = ("completed", "stopped")
"""The statuses of trials that need not run again."""


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
    test: float | None = None
    """Top-1 accuracy of the trained student on the test images, in percent."""


def read_outcome(trial: Trial, storage: Storage) -> Outcome:
    """Read the outcome of a trial.

    Raises:
        RunError: It has no row, or still runs: its process ended without a word.
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
            row["status"],
            None if pd.isna(row["last_top1"]) else row["last_top1"],
            "" if pd.isna(row["reason"]) else row["reason"],
            0.0 if pd.isna(row["seconds"]) else row["seconds"],
            histories.get(row["trial"], ()),
            None if pd.isna(row["test_top1"]) else row["test_top1"],
        )
        for row in trials.to_dict("records")
        if row["status"] != "running"
    }


def finished(outcomes: dict[str, Outcome], *, retry_failed: bool) -> dict[str, Outcome]:
    """Select the outcomes of the trials that need not run again."""
    return {
        identity: outcome
        for identity, outcome in outcomes.items()
        if outcome.status in DONE or not retry_failed
    }
