"""A search: Optuna proposes configurations, each is trained under all seeds, Optuna is told.

Optuna is told the truth: a configuration that completed is COMPLETE with the mean over its seeds,
one that was stopped early is PRUNED with its intermediate values, one that failed is FAIL.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.trial import TrialState

from pckd.models import model_info
from pckd.study.outcome import Outcome
from pckd.study.search_config import Point, SearchConfig
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, describe_point, make_trial


@dataclass(slots=True)
class _Configuration:
    """A configuration that is being measured."""

    changes: dict[str, Any]
    proposals: list[optuna.trial.Trial]
    """More than one if Optuna proposed the same values again meanwhile."""
    trials: list[Trial]
    """One a seed."""
    waiting: list[Trial]
    """Those that have not been handed out."""
    outcomes: dict[str, Outcome]
    """Those that have ended, by identity."""


class SearchPlan:
    """A plan whose configurations come from Optuna.

    What an earlier driver did is read from the results store: finished configurations are told to
    a new Optuna study, unfinished ones are proposed again first.

    Args:
        spec: A study with a search.
        rows: The study's `trials` table as it stands.
        outcomes: Of the trials that need not run again.
        storage: Where Optuna keeps its study; in memory by default.
    """

    def __init__(
        self,
        spec: StudySpec,
        rows: pd.DataFrame,
        outcomes: Mapping[str, Outcome],
        storage: optuna.storages.BaseStorage | None = None,
    ) -> None:
        if spec.search is None:
            raise ValueError(f"study {spec.study} has no search")
        self.spec = spec
        self.search: SearchConfig = spec.search
        self.pair = spec.pair_changes()[0]
        self._check_space()
        self.outcomes = dict(outcomes)
        self.total = self.search.trials * len(spec.seeds)
        self.done = 0
        self.proposed = 0
        self.counted: set[str] = set()
        """Trials that the total counts: a configuration proposed again adds none."""
        self.open: list[_Configuration] = []
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        earlier = self._earlier_points(rows)
        # A new seed after each restart: the sampler must not propose its first points again.
        self.study = optuna.create_study(
            storage=storage,
            study_name=spec.study,
            directions=[_direction(name) for name in self.search.objectives],
            sampler=self.search.create_sampler(len(earlier)),
        )
        first = [point for point in self.search.first if not _is_part(point, earlier)]
        for point in (*earlier, *first):
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

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note a seed's outcome; with a configuration's last seed, tell Optuna.

        Once a seed was stopped or failed, the seeds that have not started are left out.
        """
        self.outcomes[trial.identity] = outcome
        item = next(item for item in self.open if item.changes == trial.changes)
        item.outcomes[trial.identity] = outcome
        self._settle(item)

    def _propose(self) -> None:
        """Ask Optuna for a configuration; its trials whose outcome is known need no training."""
        proposal = self.study.ask()
        point = self.search.suggest(proposal)
        self.proposed += 1
        changes = {**point, **self.pair}
        for item in self.open:
            if item.changes == changes:
                item.proposals.append(proposal)
                self.total -= len(self.spec.seeds)
                return
        name = describe_point(point)
        trials = [make_trial(self.spec, name, changes, seed) for seed in self.spec.seeds]
        known = {
            trial.identity: self.outcomes[trial.identity]
            for trial in trials
            if trial.identity in self.outcomes
        }
        waiting = [trial for trial in trials if trial.identity not in known]
        self.done += len(known.keys() - self.counted)
        self.total -= len(known.keys() & self.counted)
        self.counted |= {trial.identity for trial in trials}
        self.open.append(_Configuration(changes, [proposal], trials, waiting, known))
        self._settle(self.open[-1])

    def _settle(self, item: _Configuration) -> None:
        """Tell Optuna of a configuration all of whose trials have ended, or been left out."""
        statuses = {outcome.status for outcome in item.outcomes.values()}
        if statuses & {"stopped", "failed"}:
            self.total -= len(item.waiting)
            item.trials = [trial for trial in item.trials if trial not in item.waiting]
            item.waiting = []
        if len(item.outcomes) < len(item.trials):
            return
        self.open.remove(item)
        for proposal in item.proposals:
            self._tell_optuna(proposal, item)

    def _tell_optuna(self, proposal: optuna.trial.Trial, item: _Configuration) -> None:
        outcomes = list(item.outcomes.values())
        statuses = {outcome.status for outcome in outcomes}
        proposal.set_user_attr("trials", [trial.identity for trial in item.trials])
        if len(self.search.objectives) == 1:
            for epoch, values in enumerate(zip(*(o.history for o in outcomes), strict=False), 1):
                proposal.report(mean(values), epoch)
        if "failed" in statuses:
            self.study.tell(proposal, state=TrialState.FAIL)
        elif "stopped" in statuses:
            self.study.tell(proposal, state=TrialState.PRUNED)
        else:
            self.study.tell(proposal, self._values(item.trials[0], outcomes))

    def _values(self, trial: Trial, outcomes: list[Outcome]) -> list[float]:
        """The objectives of a completed configuration, means over its seeds."""
        values = {
            "accuracy": mean(outcome.value or 0.0 for outcome in outcomes),
            "seconds": mean(outcome.seconds for outcome in outcomes),
        }
        if "flops" in self.search.objectives:
            values["flops"] = float(model_info(trial.config.student).flops)
        return [values[name] for name in self.search.objectives]

    def _check_space(self) -> None:
        """Refuse a parameter whose smallest, largest or any other named value gives no valid run.

        Raises:
            InputError: One sentence with the key and the value.
        """
        source = f"study {self.spec.study}, search"
        for seed in self.spec.seeds:
            self.spec.run_config({**self.pair, "seed": seed}, source)
        for key, parameter in self.search.parameters.items():
            for value in parameter.choices or (parameter.low, parameter.high):
                self.spec.run_config({**self.pair, key: value}, source)

    def _earlier_points(self, rows: pd.DataFrame) -> list[Point]:
        """The configurations in the table that belong to this plan, oldest first."""
        points: dict[str, Point] = {}
        for row in rows.sort_values("started").to_dict("records"):
            changes = json.loads(row["changes"])
            point = {key: value for key, value in changes.items() if key in self.search.parameters}
            if self.search.allows(point) and self._is_ours(row, {**point, **self.pair}):
                points.setdefault(json.dumps(point, sort_keys=True), point)
        return list(points.values())[: self.search.trials]

    def _is_ours(self, row: Mapping[Any, Any], changes: dict[str, Any]) -> bool:
        """Whether a row stems from the run as it is configured and coded now."""
        trial = make_trial(self.spec, "earlier trial", changes, int(row["seed"]))
        return trial.identity == row["trial"] and trial.config.seed in self.spec.seeds


def _is_part(point: Point, others: list[Point]) -> bool:
    """Whether some other point has all values of this one."""
    return any(point.items() <= other.items() for other in others)


def _direction(objective: str) -> Literal["maximize", "minimize"]:
    return "maximize" if objective == "accuracy" else "minimize"
