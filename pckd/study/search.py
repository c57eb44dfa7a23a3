"""A search: Optuna proposes configurations, each trained under all seeds, and learns their mean."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from optuna.trial import TrialState

from pckd.study.plan import DONE, Outcome, pairs
from pckd.study.spec import ChoiceParameter, FloatParameter, SearchConfig, StudySpec
from pckd.study.trial import Trial, describe_changes, make_trial


@dataclass(slots=True)
class _Configuration:
    """A configuration that is being measured."""

    changes: dict[str, Any]
    proposals: list[optuna.trial.Trial]
    """More than one if Optuna proposed the same values again meanwhile."""
    waiting: list[Trial]
    """Its trials, one a seed, that have not been handed out."""
    outcomes: list[Outcome]


class SearchPlan:
    """A plan whose configurations come from Optuna.

    The sampler learns of a configuration when all its seeds are done: the mean of their last
    held-out accuracies. What an earlier driver did is read from the results store: finished
    configurations are told to a new Optuna study, unfinished ones are proposed again first.

    Args:
        spec: A study with a search.
        rows: The study's `trials` table as it stands.
        retry_failed: Whether trials that failed run again.
    """

    def __init__(self, spec: StudySpec, rows: pd.DataFrame, *, retry_failed: bool) -> None:
        if spec.search is None:
            raise ValueError(f"study {spec.study} has no search")
        self.spec = spec
        self.search: SearchConfig = spec.search
        self.distributions = distributions(self.search)
        self.pair = pairs(spec)[0]
        self.outcomes = known_outcomes(rows, retry_failed=retry_failed)
        self.total = self.search.trials * len(spec.seeds)
        self.done = 0
        self.proposed = 0
        self.open: list[_Configuration] = []
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        earlier = self._earlier_points(rows)
        # A new seed after each restart: the sampler must not propose its first points again.
        self.study = optuna.create_study(
            direction="maximize", sampler=sampler(self.search, offset=len(earlier))
        )
        for point in (*earlier, *self.search.first):
            self.study.enqueue_trial(point, skip_if_exists=True)
        for _ in earlier:
            self._propose()

    def next_trial(self) -> Trial | None:
        """The next seed of an open configuration, or the first of a new one."""
        while True:
            for item in self.open:
                if item.waiting:
                    return item.waiting.pop(0)
            if self.proposed >= self.search.trials:
                return None
            self._propose()

    def exhausted(self) -> bool:
        """Whether all configurations were proposed and all their trials handed out."""
        return self.proposed >= self.search.trials and not any(item.waiting for item in self.open)

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note a seed's outcome; with a configuration's last seed, tell Optuna."""
        self.outcomes[trial.identity] = outcome
        item = next(item for item in self.open if item.changes == trial.changes)
        item.outcomes.append(outcome)
        self._settle(item)

    def _propose(self) -> None:
        """Ask Optuna for a configuration; its trials whose outcome is known need no training."""
        proposal = self.study.ask(fixed_distributions=self.distributions)
        self.proposed += 1
        changes = {**proposal.params, **self.pair}
        for item in self.open:
            if item.changes == changes:
                item.proposals.append(proposal)
                self.total -= len(self.spec.seeds)
                return
        name = describe_changes(proposal.params)
        trials = [make_trial(self.spec, name, changes, seed) for seed in self.spec.seeds]
        known = [self.outcomes[item.identity] for item in trials if item.identity in self.outcomes]
        waiting = [item for item in trials if item.identity not in self.outcomes]
        self.done += len(known)
        self.open.append(_Configuration(changes, [proposal], waiting, known))
        self._settle(self.open[-1])

    def _settle(self, item: _Configuration) -> None:
        """Tell Optuna of a configuration whose trials have all ended."""
        if len(item.outcomes) < len(self.spec.seeds):
            return
        self.open.remove(item)
        statuses = {outcome.status for outcome in item.outcomes}
        for proposal in item.proposals:
            if "failed" in statuses:
                self.study.tell(proposal, state=TrialState.FAIL)
            elif "stopped" in statuses:
                self.study.tell(proposal, state=TrialState.PRUNED)
            else:
                self.study.tell(proposal, mean(outcome.value or 0.0 for outcome in item.outcomes))

    def _earlier_points(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        """The parameters of the configurations that belong to this plan, oldest first."""
        points: dict[str, dict[str, Any]] = {}
        for row in rows.sort_values("started").itertuples():
            changes = json.loads(str(row.changes))
            point = {key: changes[key] for key in self.distributions if key in changes}
            if self._allows(point) and self._is_ours(row, {**point, **self.pair}):
                points.setdefault(json.dumps(point, sort_keys=True), point)
        return list(points.values())[: self.search.trials]

    def _allows(self, point: dict[str, Any]) -> bool:
        """Whether the search could propose this point."""
        return point.keys() == self.distributions.keys() and all(
            _within(self.distributions[key], value) for key, value in point.items()
        )

    def _is_ours(self, row: Any, changes: dict[str, Any]) -> bool:  # noqa: ANN401
        """Whether a row stems from the run as it is configured and coded now."""
        trial = make_trial(self.spec, "earlier trial", changes, int(row.seed))
        return trial.identity == str(row.trial)


def known_outcomes(rows: pd.DataFrame, *, retry_failed: bool) -> dict[str, Outcome]:
    """The outcomes of the trials that need not run again, by identity."""
    statuses: Sequence[str] = DONE if retry_failed else (*DONE, "failed")
    return {
        str(row.trial): Outcome(
            str(row.status), None if row.status == "failed" else float(str(row.last_top1))
        )
        for row in rows.itertuples()
        if row.status in statuses
    }


def distributions(search: SearchConfig) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each parameter, by dotted key."""
    return {key: _distribution(parameter) for key, parameter in search.parameters.items()}


def _distribution(parameter: FloatParameter | ChoiceParameter) -> BaseDistribution:
    if isinstance(parameter, FloatParameter):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
    return CategoricalDistribution(parameter.choices)


def _within(distribution: BaseDistribution, value: Any) -> bool:  # noqa: ANN401
    if isinstance(distribution, FloatDistribution):
        return isinstance(value, (int, float)) and distribution.low <= value <= distribution.high
    return isinstance(distribution, CategoricalDistribution) and value in distribution.choices


def sampler(search: SearchConfig, *, offset: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler of the search.

    Args:
        search: Its name and options.
        offset: Added to the seed.
    """
    seed = search.seed + offset
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=search.startup_trials, multivariate=True, constant_liar=True
    )
