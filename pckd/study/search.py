"""A search: Optuna proposes configurations, each is trained under all seeds, Optuna is told.

Optuna is told the truth: a configuration that completed is COMPLETE with the mean over its seeds,
one that was stopped early is PRUNED with its intermediate values, one that failed is FAIL. So is
one whose values are valid each but not together; a random one takes its place.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import optuna
import pandas as pd
from optuna.trial import TrialState

from pckd.errors import InputError
from pckd.study.configuration import Configuration
from pckd.study.outcome import History, Outcome
from pckd.study.plan import Plan, Planned, named_pairs
from pckd.study.samplers import CountingSampler
from pckd.study.search_config import Point, SearchConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_point, make_trial

REFUSED_IN_A_ROW = 100
"""Proposals after which a search gives up, if none of them is a valid run."""


class Recorded(NamedTuple):
    """Records of earlier drivers about a plan's trials, epoch by epoch, by identity."""

    ended: dict[str, History]
    interrupted: dict[str, History]


class SearchPlan(Plan):
    """A plan whose configurations come from Optuna.

    What an earlier driver did is read from the results store: finished configurations are told to
    a new Optuna study, unfinished ones are proposed again first.

    Args:
        spec: A study with a search.
        rows: The study's `trials` table as it stands.
        outcomes: Of the trials that need not run again.
        histories: Of these and of the interrupted ones.
        storage: Where Optuna keeps its study; in memory by default.
        carried: Points of another study, to try first.
    """

    def __init__(
        self,
        spec: StudySpec,
        rows: pd.DataFrame,
        outcomes: Mapping[str, Outcome],
        histories: Mapping[str, History],
        storage: optuna.storages.BaseStorage | None = None,
        carried: Sequence[Point] = (),
    ) -> None:
        if spec.search is None:
            raise ValueError(f"study {spec.study} has no search")
        self.spec = spec
        self.search: SearchConfig = spec.search
        self.stop = spec.search.stop
        self.pair_name, self.pair = named_pairs(spec)[0]
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._check_space()
        self.search.check_sampler()
        self.outcomes = dict(outcomes)
        self.total = self.search.trials * len(spec.seeds)
        self.planned = []
        self.ended = []
        self.proposed = 0
        self.counted: set[str] = set()
        """Number of planned trials; a configuration proposed again adds none."""
        self.open: list[Configuration] = []
        self.refused: list[str] = []
        """Sentences about proposals that are no valid runs."""
        earlier = self._earlier_points(rows)
        # A new seed after each restart: the sampler must not propose its first points again.
        self.sampler = self.search.create_sampler(len(earlier))
        self.random = CountingSampler(self.search.seed)
        self.study = optuna.create_study(
            storage=storage,
            study_name=spec.study,
            directions=[_direction(name) for name in self.search.objectives],
        )
        first = [point for point in (*self.search.first, *carried) if not _is_part(point, earlier)]
        unfinished = [point for point in earlier if not self._remembers(point)]
        for point in (*unfinished, *first):
            self.study.enqueue_trial(point, skip_if_exists=True)
        for _ in unfinished:
            self._propose()
        ours = {name: histories[name] for name in sorted(self.counted & histories.keys())}
        self.recorded = Recorded(
            {name: history for name, history in ours.items() if name in outcomes},
            {name: history for name, history in ours.items() if name not in outcomes},
        )

    @property
    def epochs(self) -> int:
        """Full budget of a trial; the largest, where epochs are searched."""
        points = [{}, *(point for _, point in self.search.corners())]
        runs = [self.spec.run_config({**self.pair, **point}, "search") for point in points]
        return max(run.optimization.epochs for run in runs)

    def notices(self) -> list[str]:
        """Say so if the rule for early stopping can stop no trial."""
        if self.stop is None or self.stop.grace_epochs < self.epochs:
            return []
        return [
            f"no trial is stopped early: search.stop.grace_epochs is {self.stop.grace_epochs}, and "
            f"a trial has {self.epochs} epochs"
        ]

    def next_trial(self) -> Trial | None:
        """Return the next seed of an open configuration, or the first of a new one.

        Raises:
            InputError: Optuna proposes nothing that is a valid run.
        """
        while True:
            for item in self.open:
                if item.waiting:
                    return item.waiting.pop(0)
            if self.proposed >= self.search.trials:
                return None
            self._propose()

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note a seed's outcome; with a configuration's last seed, tell Optuna.

        Once a seed was stopped or failed, the seeds that have not started are left out.
        """
        self.outcomes[trial.identity] = outcome
        self.ended.append((trial, outcome))
        item = next(item for item in self.open if item.changes == trial.changes)
        item.outcomes[trial.identity] = outcome
        self._settle(item)

    def _propose(self) -> None:
        """Ask Optuna for a configuration; its trials whose outcome is known need no training."""
        proposal, proposed = self._valid_proposal()
        self.proposed += 1
        for item in self.open:
            if item.changes == proposed.changes:
                item.proposals.append(proposal)
                self.total -= len(self.spec.seeds)
                return
        proposed.proposals.append(proposal)
        self._count(proposed)
        self.open.append(proposed)
        self._settle(proposed)

    def _valid_proposal(self) -> tuple[optuna.trial.Trial, Configuration]:
        """Ask Optuna for values that are valid together; instead of invalid ones draw at random.

        Samplers learn nothing from trials that failed, and could propose the same for ever.
        """
        reason = ""
        for attempt in range(REFUSED_IN_A_ROW):
            self.study.sampler = self.random if attempt else self.sampler
            proposal = self.study.ask()
            try:
                return proposal, self._configuration(self.search.suggest(proposal))
            except InputError as error:
                reason = str(error)
                self.refused.append(reason)
                self.study.tell(proposal, state=TrialState.FAIL)
        raise InputError(
            f"of {REFUSED_IN_A_ROW} proposals in a row none is a valid run; the last: {reason}"
        )

    def _remembers(self, point: Point) -> bool:
        """Tell Optuna of a configuration that an earlier driver finished; False if none did.

        In one record, where proposing it again would take the sampler's work, and the journal a
        record an epoch.
        """
        item = self._configuration(point)
        left_out = item.leave_out_hopeless()
        if not item.has_ended:
            return False
        self.proposed += 1
        self.total -= left_out
        self._count(item)
        known = optuna.trial.create_trial(
            state=item.state,
            values=item.values(self.search.objectives),
            params=point,
            distributions={key: self.search.parameters[key].distribution() for key in point},
            intermediate_values=self._intermediate_values(item),
            user_attrs=item.attributes(),
        )
        self.study.add_trial(known)
        return True

    def _configuration(self, point: Point) -> Configuration:
        changes, name = {**point, **self.pair}, describe_point(point)
        trials = [make_trial(self.spec, name, changes, seed) for seed in self.spec.seeds]
        identities = [trial.identity for trial in trials]
        known = {name: self.outcomes[name] for name in identities if name in self.outcomes}
        return Configuration(changes, trials, known)

    def _count(self, item: Configuration) -> None:
        position = self.planned[-1].position + 1 if self.planned else 0
        own = {key: value for key, value in item.changes.items() if key not in self.pair}
        self.planned += [
            Planned(trial, self.pair_name, position, own)
            for trial in item.trials
            if trial.identity not in self.counted
        ]
        new = item.outcomes.keys() - self.counted
        self.ended += [
            (trial, item.outcomes[trial.identity]) for trial in item.trials if trial.identity in new
        ]
        self.total -= len(item.outcomes.keys() & self.counted)
        self.counted |= {trial.identity for trial in item.trials}

    def _settle(self, item: Configuration) -> None:
        """Tell Optuna of a configuration whose trials have all ended, or been left out."""
        self.total -= item.leave_out_hopeless()
        if not item.has_ended:
            return
        self.open.remove(item)
        for proposal in item.proposals:
            for name, value in item.attributes().items():
                proposal.set_user_attr(name, value)
            for epoch, accuracy in self._intermediate_values(item).items():
                proposal.report(accuracy, epoch)
            self.study.tell(proposal, item.values(self.search.objectives), item.state)

    def _intermediate_values(self, item: Configuration) -> dict[int, float]:
        """Accuracy by epoch; none with several objectives, because Optuna accepts none."""
        return item.accuracies() if len(self.search.objectives) == 1 else {}

    def _check_space(self) -> None:
        """Refuse a named value of a parameter, or a first point, that gives no valid run.

        Raises:
            InputError: One sentence with the key and the value.
        """
        source = f"study {self.spec.study}, search"
        for seed in self.spec.seeds:
            self.spec.run_config({**self.pair, "seed": seed}, source)
        for _, point in self.search.corners():
            self.spec.run_config({**self.pair, **point}, source)
        for point in filter(self.search.allows, self.search.first):
            self.spec.run_config({**self.pair, **point}, source)

    def _earlier_points(self, rows: pd.DataFrame) -> list[Point]:
        """List the configurations in the table that belong to this plan, oldest first."""
        points: dict[str, Point] = {}
        for row in rows.sort_values("started").to_dict("records"):
            changes = _changes_of(row)
            point = {key: value for key, value in changes.items() if key in self.search.parameters}
            if self.search.allows(point) and self._is_ours(row, {**point, **self.pair}):
                points.setdefault(json.dumps(point, sort_keys=True), point)
        return list(points.values())[: self.search.trials]

    def _is_ours(self, row: Mapping[Any, Any], changes: dict[str, Any]) -> bool:
        """Return whether today's configuration and code would produce this row."""
        if row["seed"] not in self.spec.seeds:
            return False
        try:
            trial = make_trial(self.spec, "earlier trial", changes, int(row["seed"]))
        except InputError:
            return False
        return bool(trial.identity == row["trial"])


def _changes_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the keys that a row's trial set; none if the row is damaged."""
    try:
        changes = json.loads(row["changes"])
    except (ValueError, TypeError, RecursionError):
        return {}
    return changes if isinstance(changes, dict) else {}


def _is_part(point: Point, others: list[Point]) -> bool:
    """Return whether some other point has all values of this one."""
    return any(point.items() <= other.items() for other in others)


def _direction(objective: str) -> Literal["maximize", "minimize"]:
    return "maximize" if objective == "accuracy" else "minimize"
