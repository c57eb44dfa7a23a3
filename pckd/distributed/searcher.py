"""The bridge from a plan to Ray Tune: Tune asks it for trials and tells it how they ended."""

from typing import Any

from ray.tune.search import Searcher

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.outcome import read_outcome
from pckd.study.plan import Plan
from pckd.study.plan_table import add_to_plan
from pckd.study.trial import Trial, trial_to_json
from pckd.study.trial_row import close_row, open_row


class PlanSearcher(Searcher):
    """A Tune searcher that hands out the trials of a plan.

    A trial's last report carries its status. One that ends without was stopped by Tune, or its
    process died more often than allowed: its row is closed here. The plan is told what the rows
    say, never what Tune says.
    """

    def __init__(self, plan: Plan, storage: Storage) -> None:
        super().__init__(metric="top1", mode="max")
        self.plan = plan
        self.storage = storage
        self.written = len(plan.planned)
        """Number of rows of the plan that are in the results store."""
        self.running: dict[str, Trial] = {}
        self.interruption: str | None = None
        """Reason why the study cannot go on, such as a full disk; None while it can."""

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune writes its searcher to disk, but plans come from the results."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial, as the configuration of Tune's trial; None if there is none yet."""
        if self.interruption:
            return str(Searcher.FINISHED)
        try:
            trial = self.plan.next_trial()
            if trial is None:
                return None if self.plan.waits else str(Searcher.FINISHED)
            self._write_proposals()
            open_row(trial, self.storage)
        except (InputError, OSError) as error:
            self.interruption = str(error)
            return str(Searcher.FINISHED)
        self.running[trial_id] = trial
        return {"trial": trial_to_json(trial)}

    def _write_proposals(self) -> None:
        """Write new proposals to the table of the plan before any of them runs."""
        proposed = self.plan.planned[self.written :]
        if proposed:
            add_to_plan(self.storage, proposed)
        self.written += len(proposed)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the plan how a trial ended."""
        trial = self.running.pop(trial_id)
        status = (result or {}).get("status")
        if status == "interrupted":
            self.interruption = (result or {})["reason"]
            return
        try:
            self._close(trial, status, error=error)
            self.plan.tell(trial, read_outcome(trial, self.storage))
        except OSError as problem:
            self.interruption = str(problem)

    def _close(self, trial: Trial, status: str | None, *, error: bool) -> None:
        """Write a trial's final status, if its process could not."""
        if error:
            reason = "its process died too often without finishing an epoch"
            close_row(trial, self.storage, "failed", reason)
        elif status is None:
            reason = "stopped early: too far below the other trials"
            rule = None if self.plan.stop is None else self.plan.stop.text
            close_row(trial, self.storage, "stopped", reason, rule)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save, as for `__getstate__`."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""
