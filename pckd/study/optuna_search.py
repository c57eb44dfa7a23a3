"""A search by Optuna, of a study or of one of its cases: proposals, and what Optuna is told.

Optuna is told the truth: a configuration that completed is COMPLETE with the mean over its seeds,
one that was stopped early is PRUNED with its intermediate values, one that failed is FAIL. So is
one whose values are valid each but not together; a random one takes its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import optuna
import pandas as pd
from optuna.trial import TrialState

from pckd.errors import InputError
from pckd.study.configuration import Configuration
from pckd.study.earlier_points import earlier_points
from pckd.study.named_runs import named_runs
from pckd.study.outcome import Outcome
from pckd.study.plan import Ended, Planned
from pckd.study.samplers import CountingSampler, check_sampler, create_sampler
from pckd.study.searched import Searched
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial

REFUSED_IN_A_ROW = 100
"""Proposals after which a search gives up, if none of them is a valid run."""


@dataclass(slots=True)
class Book:
    """Records that the searches of a study keep together."""

    outcomes: dict[str, Outcome]
    """Outcomes of the trials that have ended, by identity."""
    planned: list[Planned] = field(default_factory=list)
    """In the order in which they were proposed."""
    ended: list[Ended] = field(default_factory=list)


class OptunaSearch:
    """A search whose configurations come from Optuna.

    What an earlier driver did is read from the results store: finished configurations are told to
    a new Optuna study, unfinished ones are proposed again first.

    Args:
        spec: A study with a search.
        searched: The search, of the study or of one of its cases.
        rows: The study's `trials` table as it stands.
        book: Where it notes what it plans and what has ended.
        storage: Where Optuna keeps its study; in memory by default.
        carried: Points of another study, to try first.
    """

    def __init__(
        self,
        spec: StudySpec,
        searched: Searched,
        rows: pd.DataFrame,
        book: Book,
        storage: optuna.storages.BaseStorage | None = None,
        carried: Sequence[Point] = (),
    ) -> None:
        self.spec = spec
        self.searched = searched
        self.search = searched.search
        self.book = book
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.runs = list(named_runs(spec, searched))
        check_sampler(self.search)
        self.total = self.search.trials * len(spec.seeds)
        self.proposed = 0
        self.counted: set[str] = set()
        """Identities of the planned trials; a configuration proposed again adds none."""
        self.open: list[Configuration] = []
        self.refused: list[str] = []
        """Sentences about proposals that are no valid runs."""
        earlier = earlier_points(spec, searched, rows)
        # A new seed after each restart: the sampler must not propose its first points again.
        self.sampler = create_sampler(self.search, len(earlier))
        self.random = CountingSampler(self.search.seed)
        self.study = optuna.create_study(
            storage=storage,
            study_name=searched.title(spec.study),
            directions=self.search.directions,
        )
        first = [point for point in (*self.search.first, *carried) if not _is_part(point, earlier)]
        unfinished = [point for point in earlier if not self._remembers(point)]
        for point in (*unfinished, *first):
            self.study.enqueue_trial(point, skip_if_exists=True)
        for _ in unfinished:
            self._propose()

    @property
    def done(self) -> int:
        """The number of its trials that have ended."""
        return len(self.counted & self.book.outcomes.keys())

    @property
    def epochs(self) -> int:
        """Full budget of a trial; the largest, where epochs are searched."""
        return max(run.optimization.epochs for run in self.runs)

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

    def tell(self, identity: str, outcome: Outcome) -> None:
        """Note a seed's outcome; with a configuration's last seed, tell Optuna.

        Once a seed was stopped or failed, the seeds that have not started are left out. Two
        configurations that mean one trial share its outcome.
        """
        having = [item for item in self.open if item.take(identity, outcome)]
        for item in having:
            self._settle(item)
        if having:
            trial = next(trial for trial in having[0].trials if trial.identity == identity)
            self.book.ended.append((trial, outcome))
            self.total -= len(having) - 1

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
        changes, name = self.searched.changes(point), self.searched.name(point)
        trials = [
            make_trial(self.spec, name, changes, seed, self.searched.case)
            for seed in self.spec.seeds
        ]
        outcomes = self.book.outcomes
        known = {name: outcomes[name] for name in _identities(trials) if name in outcomes}
        return Configuration(changes, trials, known)

    def _count(self, item: Configuration) -> None:
        planned = self.book.planned
        position = planned[-1].position + 1 if planned else 0
        own = self.searched.without_pair(item.changes)
        planned += [
            Planned(trial, self.searched.pair, position, own)
            for trial in item.trials
            if trial.identity not in self.counted
        ]
        new = item.outcomes.keys() - self.counted
        self.book.ended += [
            (trial, item.outcomes[trial.identity]) for trial in item.trials if trial.identity in new
        ]
        self.total -= len(item.outcomes.keys() & self.counted)
        self.counted |= set(_identities(item.trials))

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


def _is_part(point: Point, others: list[Point]) -> bool:
    """Return whether some other point has all values of this one."""
    return any(point.items() <= other.items() for other in others)


def _identities(trials: Sequence[Trial]) -> list[str]:
    return [trial.identity for trial in trials]
