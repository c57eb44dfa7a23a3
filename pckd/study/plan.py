"""Plans: which trials a study consists of, and which of them is next.

A plan knows what was already done from the results store alone, so that a study that was
interrupted goes on by being planned again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from pckd.study.outcome import Outcome
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_changes, make_trial

Ended = tuple[Trial, Outcome]
"""A trial, and how it ended."""


class Plan(ABC):
    """What a study runs, one trial after the other."""

    total: int
    """Trials in all, those that have ended among them."""
    ended: list[Ended]
    """Those that earlier runs ended when the plan is made; each that is told of comes to them."""

    @property
    def done(self) -> int:
        """The number of trials that have ended."""
        return len(self.ended)

    @abstractmethod
    def next_trial(self) -> Trial | None:
        """The next trial to start; None once all have been handed out."""

    @abstractmethod
    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Report how a trial ended."""


class FixedPlan(Plan):
    """A plan whose trials are known beforehand: cases, grid and vary_one.

    Args:
        trials: All trials.
        finished: The outcomes of those that need not run again, by identity.
    """

    def __init__(self, trials: Iterable[Trial], finished: Mapping[str, Outcome]) -> None:
        unique: dict[str, Trial] = {}
        for trial in trials:
            unique.setdefault(trial.identity, trial)
        self.trials = list(unique.values())
        self.waiting = [trial for trial in self.trials if trial.identity not in finished]
        self.total = len(self.trials)
        self.ended = [
            (trial, finished[trial.identity]) for trial in self.trials if trial.identity in finished
        ]

    def next_trial(self) -> Trial | None:
        """The next trial in the order of the study file."""
        return self.waiting.pop(0) if self.waiting else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note it; there is nothing to learn, the trials are fixed."""
        self.ended.append((trial, outcome))


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
