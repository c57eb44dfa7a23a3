"""Plans: which trials a study consists of, and which of them is next.

A plan knows what was already done from the results store alone, so that a study that was
interrupted goes on by being planned again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import pandas as pd

from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_changes, make_trial

DONE = ("completed", "stopped")
"""The statuses of trials that need not run again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended."""

    status: str
    """completed, stopped or failed."""
    value: float | None
    """Last top-1 accuracy on the images that select, in percent; None if the trial failed."""
    reason: str = ""


class Plan(Protocol):
    """What a study runs, one trial after the other."""

    total: int
    """Trials in all, those already done among them."""
    done: int
    """Trials that were already done when the plan was made."""

    def next_trial(self) -> Trial | None:
        """The next trial to start; None if there is none, now or ever (see `exhausted`)."""

    def exhausted(self) -> bool:
        """Whether `next_trial` will never return a trial again."""

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Report how a trial ended."""


class FixedPlan:
    """A plan whose trials are known beforehand: cases, grid and vary_one.

    Args:
        trials: All trials.
        rows: The study's `trials` table as it stands.
        retry_failed: Whether trials that failed run again.
    """

    def __init__(self, trials: Iterable[Trial], rows: pd.DataFrame, *, retry_failed: bool) -> None:
        self.trials = list({trial.identity: trial for trial in trials}.values())
        finished = finished_trials(rows, retry_failed=retry_failed)
        self.waiting = [trial for trial in self.trials if trial.identity not in finished]
        self.total = len(self.trials)
        self.done = self.total - len(self.waiting)

    def next_trial(self) -> Trial | None:
        """The next trial in the order of the study file."""
        return self.waiting.pop(0) if self.waiting else None

    def exhausted(self) -> bool:
        """Whether all trials have been handed out."""
        return not self.waiting

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Nothing to learn: the trials are fixed."""


def finished_trials(rows: pd.DataFrame, *, retry_failed: bool) -> set[str]:
    """The identities of the trials that need not run again."""
    statuses = DONE if retry_failed else (*DONE, "failed")
    return set(rows.loc[rows["status"].isin(statuses), "trial"])


def fixed_trials(spec: StudySpec) -> list[Trial]:
    """All trials of a study without a search: cases x pairs x seeds, in the order of the file.

    Raises:
        InputError: Some case gives no valid run.
    """
    return [
        make_trial(spec, case, {**changes, **pair}, seed)
        for (case, changes), pair, seed in product(cases(spec), pairs(spec), spec.seeds)
    ]


def cases(spec: StudySpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the changes of each case; a study without a plan has the one case `run`."""
    if spec.cases:
        yield from spec.cases.items()
    elif spec.grid:
        for point in product(*spec.grid.values()):
            changes = dict(zip(spec.grid, point, strict=True))
            yield describe_changes(changes), changes
    else:
        yield ("default" if spec.vary_one else "run"), {}
        for key, values in (spec.vary_one or {}).items():
            for value in values:
                yield describe_changes({key: value}), {key: value}


def pairs(spec: StudySpec) -> list[dict[str, Any]]:
    """The changes that each teacher-student pair makes; no change where none are listed."""
    if not spec.pairs:
        return [{}]
    return [{"teacher.model": pair.teacher, "student": pair.student} for pair in spec.pairs]
