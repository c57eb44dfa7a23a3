"""Plans: which trials a study consists of, and which of them is next.

A plan knows what was already done from the results store alone, so that a study that was
interrupted goes on by being planned again.
"""

from collections.abc import Container, Iterable, Iterator
from itertools import product
from typing import Any, Protocol

from pckd.study.outcome import Outcome
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_changes, make_trial


class Plan(Protocol):
    """What a study runs, one trial after the other."""

    total: int
    """Trials in all, those already done among them."""
    done: int
    """Trials that were already done when the plan was made."""

    def next_trial(self) -> Trial | None:
        """The next trial to start; None once all have been handed out."""

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Report how a trial ended."""


class FixedPlan:
    """A plan whose trials are known beforehand: cases, grid and vary_one.

    Args:
        trials: All trials.
        finished: Identities of those that need not run again.
    """

    def __init__(self, trials: Iterable[Trial], finished: Container[str]) -> None:
        unique: dict[str, Trial] = {}
        for trial in trials:
            unique.setdefault(trial.identity, trial)
        self.trials = list(unique.values())
        self.waiting = [trial for trial in self.trials if trial.identity not in finished]
        self.total = len(self.trials)
        self.done = self.total - len(self.waiting)

    def next_trial(self) -> Trial | None:
        """The next trial in the order of the study file."""
        return self.waiting.pop(0) if self.waiting else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Nothing to learn: the trials are fixed."""


def fixed_trials(spec: StudySpec) -> list[Trial]:
    """All trials of a study without a search: cases x pairs x seeds, in the order of the file.

    Raises:
        InputError: Some case gives no valid run.
    """
    return [
        make_trial(spec, case, {**changes, **pair}, seed)
        for (case, changes), pair, seed in product(cases(spec), spec.pair_changes(), spec.seeds)
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
