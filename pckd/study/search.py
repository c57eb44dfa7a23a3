"""The plan of a study with a search, or with a search in each case."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import optuna
import pandas as pd

from pckd.errors import InputError
from pckd.study.optuna_search import Book, OptunaSearch
from pckd.study.outcome import History, Outcome
from pckd.study.plan import Plan
from pckd.study.samplers import drawn_first
from pckd.study.search_config import EPOCHS
from pckd.study.searched import searches
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.config import RunConfig

SHARED = ("data", "protocol", EPOCHS)
"""Keys of the run that are the same in all cases that are searched."""


class Recorded(NamedTuple):
    """Records of earlier drivers about a search's trials, epoch by epoch, by identity."""

    ended: dict[str, History]
    interrupted: dict[str, History]


class SearchPlan(Plan):
    """A plan whose configurations are proposed, by one search or by one a case.

    Cases take turns, so that all are equally far at any time.

    Args:
        spec: A study with a search.
        rows: The study's `trials` table as it stands.
        outcomes: Of the trials that need not run again.
        histories: Of these and of the interrupted ones.
        storage: Where Optuna keeps its studies; in memory by default.
        carried: Points of another study, to try first, by case.

    Raises:
        InputError: A named value is no valid run, cases would have unequal budgets, or the rule
            for early stopping can stop no trial.
    """

    def __init__(
        self,
        spec: StudySpec,
        rows: pd.DataFrame,
        outcomes: Mapping[str, Outcome],
        histories: Mapping[str, History],
        storage: optuna.storages.BaseStorage | None = None,
        carried: Mapping[str, Sequence[Point]] | None = None,
    ) -> None:
        if spec.search is None:
            raise ValueError(f"study {spec.study} has no search")
        self.stop = spec.search.stop
        self.book = Book(dict(outcomes))
        self.planned, self.ended = self.book.planned, self.book.ended
        self.running: set[str] = set()
        self.carried = carried or {}
        self.searches = [
            OptunaSearch(spec, each, rows, self.book, storage, self.carried.get(each.case, ()))
            for each in searches(spec)
        ]
        if spec.cases:
            _check_equal(spec, self.searches)
        self._check_stop()
        self.recorded = {each.searched.case: _recorded(each, histories) for each in self.searches}
        """By case."""
        self._count()

    @property
    def epochs(self) -> int:
        """Full budget of a trial; the largest, where epochs are searched."""
        return max(search.epochs for search in self.searches)

    @property
    def refused(self) -> list[str]:
        """Sentences about proposals that are no valid runs."""
        return [reason for search in self.searches for reason in search.refused]

    def notices(self) -> list[str]:
        """Say what the budget leaves of early stopping, of first points and of the sampler."""
        stop, found = self.stop, []
        if stop is not None and stop.grace_epochs == self.epochs:
            found = [f"no trial is stopped early: search.stop.grace_epochs is all {self.epochs}"]
        return [*found, *dict.fromkeys(chain(*map(_of_budget, self.searches)))]

    def next_trial(self) -> Trial | None:
        """The next trial of the case that has tried the fewest configurations.

        Raises:
            InputError: Optuna proposes nothing that is a valid run.
        """
        found = None
        for search in sorted(self.searches, key=lambda each: each.proposed):
            found = found or self._next_of(search)
        self._count()
        return found

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note how a trial ended, for every case that it belongs to."""
        self.running.discard(trial.identity)
        self.book.outcomes[trial.identity] = outcome
        for search in self.searches:
            search.tell(trial.identity, outcome)
        self._count()

    def _check_stop(self) -> None:
        """Refuse a rule for early stopping that can stop no trial."""
        if self.stop is not None and self.stop.grace_epochs > self.epochs:
            raise InputError(
                f"no trial would be stopped early: search.stop.grace_epochs is "
                f"{self.stop.grace_epochs}, and a trial has {self.epochs} epochs: take fewer, or "
                "leave search.stop out"
            )

    def _next_of(self, search: OptunaSearch) -> Trial | None:
        while trial := search.next_trial():
            if trial.identity not in self.running:  # else its outcome will be told to both
                self.running.add(trial.identity)
                return trial
        return None

    def _count(self) -> None:
        self.total = sum(search.total for search in self.searches)


def _recorded(search: OptunaSearch, histories: Mapping[str, History]) -> Recorded:
    ours = {name: histories[name] for name in sorted(search.counted & histories.keys())}
    known = search.book.outcomes
    return Recorded(
        {name: history for name, history in ours.items() if name in known},
        {name: history for name, history in ours.items() if name not in known},
    )


def _of_budget(search: OptunaSearch) -> Iterator[str]:
    config, trials = search.search, search.search.trials
    if len(config.first) > trials:
        yield f"of {len(config.first)} first points {trials} are tried: search.trials is {trials}"
    at_random = drawn_first(config)
    if trials <= at_random > 0:
        yield (
            f"all points are drawn at random: sampler {config.sampler.name} learns from "
            f"{at_random} on, and search.trials is {trials}"
        )


def _check_equal(spec: StudySpec, found: Sequence[OptunaSearch]) -> None:
    """Refuse cases that are searched with unequal budgets, or on different images."""
    for key in SHARED:
        values = {
            search.searched.case: {_value(run, key) for run in search.runs} for search in found
        }
        if len(set().union(*values.values())) > 1:
            each = "; ".join(f"{case} {', '.join(sorted(own))}" for case, own in values.items())
            raise InputError(
                f"study {spec.study}: cases that are searched must have the same {key}, or their "
                f"winners cannot be compared; it is: {each}"
            )


def _value(run: RunConfig, key: str) -> str:
    value: object = run
    for name in key.split("."):
        value = getattr(value, name)
    return str(value)
