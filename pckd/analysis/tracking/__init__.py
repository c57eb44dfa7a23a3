"""Export of a study to an experiment tracker: one run for each trial that has ended."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pckd.analysis.tracking.runs import TrialRun
from pckd.analysis.tracking.to_mlflow import MlflowTracker
from pckd.analysis.tracking.to_wandb import WandbTracker


class Tracker(Protocol):
    """Interface of a tracker that was opened for one study."""

    def holds(self, run: TrialRun) -> bool:
        """Return whether a run is there as it is now."""

    def log(self, run: TrialRun) -> None:
        """Write a run, in the place of an earlier state of it."""


TRACKERS: Mapping[str, Callable[[str, str | None], Tracker]] = {
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}
"""Trackers by name: each takes the study's name, and a folder or address, None for the default."""


def track(runs: Iterable[TrialRun], tracker: Tracker) -> int:
    """Write the runs that a tracker does not hold yet, and return their number."""
    new = [run for run in runs if not tracker.holds(run)]
    for run in new:
        tracker.log(run)
    return len(new)
