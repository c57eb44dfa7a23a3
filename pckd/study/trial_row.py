"""The row of a trial in the table `trials`: the only place that writes a status.

A trial is `running` when it is handed out and while it trains; it ends `completed`, `stopped` or
`failed`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.paths import checkpoint_path
from pckd.study.placement import Placement
from pckd.study.results import ResultsStore
from pckd.study.rows import placement_columns, progress_columns, test_columns, trial_columns
from pckd.study.trial import Trial
from pckd.training.evaluation import Accuracy
from pckd.training.record import EpochRecord


class TrialRow:
    """The row of a trial, written by the process that trains it; of several ranks rank 0 writes."""

    def __init__(self, trial: Trial, storage: Storage, placement: Placement) -> None:
        self.trial = trial
        self.store = ResultsStore(storage, trial.study)
        self.writes = placement.group.rank == 0
        earlier = self.store.find("trials", trial.identity) or {}
        self.is_completed = earlier.get("status") == "completed"
        self.teacher_before: str | None = earlier.get("teacher")
        """Content hash of the teacher from which the trial learned so far; None if unknown."""
        self.columns = {
            **trial_columns(trial),
            **placement_columns(placement),
            "started": earlier.get("started") or datetime.now(UTC),
        }

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add columns to the row; they are written with the next status."""
        self.columns |= columns

    def runs(self, records: Sequence[EpochRecord]) -> None:
        """Write that the trial runs, and what its epochs say so far."""
        self.columns |= progress_columns(records)
        self._write("running")

    def complete(self, accuracy: Accuracy) -> str:
        """Close the row with the measurement on the test images."""
        self.columns |= test_columns(accuracy)
        return self._write("completed")

    def fail(self, reason: str) -> str:
        """Close the row with the reason."""
        self.columns["reason"] = reason
        return self._write("failed")

    def _write(self, status: str) -> str:
        if self.writes:
            row = {**self.columns, "status": status, "updated": datetime.now(UTC)}
            self.store.write("trials", self.trial.identity, [row])
        return status


def open_row(trial: Trial, storage: Storage) -> None:
    """Write that a trial is handed out; the row of one that goes on stays as it is.

    The row is written first so that a crash of the driver cannot lose the proposal. Device, host
    and workers are null until the trial's own process starts.
    """
    row = ResultsStore(storage, trial.study).find("trials", trial.identity)
    if row is None or row["status"] != "running":
        restart_row(trial, storage)


def restart_row(trial: Trial, storage: Storage) -> None:
    """Write that a trial starts, whatever was known of it before."""
    now = datetime.now(UTC)
    opened = {**progress_columns([]), "status": "running", "started": now, "updated": now}
    store = ResultsStore(storage, trial.study)
    store.write("trials", trial.identity, [{**trial_columns(trial), **opened}])


@contextmanager
def failure_noted(trial: Trial, storage: Storage) -> Iterator[None]:
    """Close a trial's row as failed if the block ends with a `RunError`, whose sentence is kept."""
    try:
        yield
    except RunError as error:
        close_row(trial, storage, "failed", str(error))


def close_row(
    trial: Trial, storage: Storage, status: str, reason: str, stop_rule: str | None = None
) -> None:
    """Write the final status of a trial whose process died or was stopped.

    A stopped trial's checkpoint goes: a plan that wants all its epochs trains it from the start.

    Args:
        trial: The trial.
        storage: The results root.
        status: stopped or failed.
        reason: In words.
        stop_rule: The rule that stopped it.
    """
    store = ResultsStore(storage, trial.study)
    row = store.find("trials", trial.identity) or trial_columns(trial)
    if status == "stopped":
        storage.delete(checkpoint_path(trial))
    ended = {"status": status, "reason": reason, "stop_rule": stop_rule}
    store.write("trials", trial.identity, [{**row, **ended, "updated": datetime.now(UTC)}])
