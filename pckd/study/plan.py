"""Plans: which trials a study consists of, and which of them is next.

A plan knows what was already done from the results store alone, so that a study that was
interrupted goes on by being planned again.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from pckd.study.outcome import Outcome
from pckd.study.search_config import StopConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_changes, make_trial
from pckd.training.changes import written_out
from pckd.training.config import RunConfig


class Planned(NamedTuple):
    """A case of a plan for one teacher-student pair under one seed, and the trial that it means.

    Several may mean one trial: cases with the same configuration, and students that learn without
    a teacher and so are the same beside every teacher.
    """

    trial: Trial
    pair: str
    """Name of the teacher-student pair; empty where the study lists none."""
    position: int
    """Position of the case in the plan, from 0."""
    changes: dict[str, Any]
    """Changes of the case in the run, without those of the pair."""
    is_default: bool = False
    """True for a case of vary_one that changes nothing, whatever its name."""


Ended = tuple[Trial, Outcome]
"""A trial, and how it ended."""


class Plan(ABC):
    """Interface of a plan: the trials of a study, one after another."""

    planned: list[Planned]
    """All that is planned so far, in the order of the plan; a search adds to it."""
    total: int
    """Number of trials in all, including those that have ended."""
    stop: StopConfig | None = None
    """The rule that stops hopeless trials early; None if none are stopped."""
    ended: list[Ended]
    """Trials that had ended before this run; `tell` appends to the list."""
    carried: Mapping[str, Sequence[dict[str, Any]]] = {}
    """Points of other studies that a search tries first, by the case that is searched."""

    @property
    def done(self) -> int:
        """The number of trials that have ended."""
        return len(self.ended)

    @property
    def waits(self) -> bool:
        """Return whether more trials may come once some of the running ones have ended."""
        return False

    def notices(self) -> list[str]:
        """Facts about the plan that its author may not expect, a sentence each."""
        return []

    @abstractmethod
    def next_trial(self) -> Trial | None:
        """The next trial to start; None if there is none, or none yet."""

    @abstractmethod
    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Tell the plan how a trial ended."""


class FixedPlan(Plan):
    """A plan whose trials are known in advance: cases, grid and vary_one.

    Args:
        planned: The whole plan.
        finished: The outcomes of the trials that need not run again, by identity.
    """

    def __init__(self, planned: Sequence[Planned], finished: Mapping[str, Outcome]) -> None:
        self.planned = list(planned)
        unique: dict[str, Trial] = {}
        for item in planned:
            unique.setdefault(item.trial.identity, item.trial)
        self.trials = list(unique.values())
        self.waiting = [trial for trial in self.trials if trial.identity not in finished]
        self.total = len(self.trials)
        self.ended = [
            (trial, finished[trial.identity]) for trial in self.trials if trial.identity in finished
        ]

    def notices(self) -> list[str]:
        """The cases that have another case's configuration, a sentence each."""
        names = {trial.identity: trial.case for trial in self.trials}
        trials = [item.trial for item in self.planned]
        shared = [(trial.case, names[trial.identity]) for trial in trials]
        return [
            f"{case} is the same run as {first}, trained once"
            for case, first in dict.fromkeys(shared)
            if case != first
        ]

    @property
    def to_come(self) -> list[Trial]:
        """The trials that are not handed out and may still be."""
        return self.waiting

    def next_trial(self) -> Trial | None:
        """Return the next trial in the order of the study file."""
        return self.waiting.pop(0) if self.waiting else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note the outcome; nothing is learned from it, the trials are fixed."""
        self.ended.append((trial, outcome))


MakeTrial = Callable[[StudySpec, str, dict[str, Any], int], Trial]
"""Makes the trial of a study's case from its name, its changes and its pair's, and a seed."""


def fixed_plan(spec: StudySpec, make: MakeTrial = make_trial) -> list[Planned]:
    """The plan of a study without a search: cases x pairs x seeds, in the order of the file.

    Raises:
        InputError: Some case gives no valid run.
    """
    planned: list[Planned] = []
    defaults: set[str] = set()
    for position, (case, changes) in enumerate(cases(spec)):
        for (pair, of_pair), seed in product(named_pairs(spec, case), spec.seeds):
            trial = make(spec, case, {**changes, **of_pair}, seed)
            if spec.vary_one and not changes:
                defaults.add(trial.identity)
            is_default = trial.identity in defaults
            planned.append(Planned(trial, pair, position, written_out(changes), is_default))
    return planned


def named_pairs(spec: StudySpec, case: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The name of each teacher-student pair that has a case, and what it changes in that case.

    Pairs of the same two models are told apart by their changes; a study that lists no pairs has
    one without a name.
    """
    named = zip(pair_names(spec), spec.pairs, strict=True)
    having = [(name, pair.run_changes(case)) for name, pair in named if case not in pair.without]
    return having or [("", {})]


def pair_names(spec: StudySpec) -> list[str]:
    """The names of the teacher-student pairs, in the order of the file."""
    counts = Counter(map(str, spec.pairs))
    return [
        f"{pair} ({describe_changes(pair.changes)})"
        if pair.changes and counts[str(pair)] > 1
        else str(pair)
        for pair in spec.pairs
    ]


def cases(spec: StudySpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the name and the changes of each case; a study without a plan has the one case `run`."""
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


def study_runs(spec: StudySpec) -> list[RunConfig]:
    """One run of each case and pair of a study.

    Of a search, the run that it starts from, and that run with each choice and with the smallest
    and the largest weight of each term: what its trials need in advance, as far as it is known.

    Raises:
        InputError: Some case gives no valid run.
    """
    return [
        spec.run_config({**changes, **pair}, f"study {spec.study}, {case}")
        for case, changes in (*cases(spec), *_corners(spec))
        for pair in spec.pair_changes(case)
    ]


def _corners(spec: StudySpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and changes of the points of a search that need something in advance."""
    if spec.search is None:
        return
    spaces = dict(spec.search.spaces) or {"": spec.search}
    for case, space in spaces.items():
        for key, point in space.corners():
            if space.parameters[key].choices or key.startswith("loss."):
                yield describe_changes(point), {**(spec.cases or {}).get(case, {}), **point}
