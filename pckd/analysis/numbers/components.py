"""Effect of each component of the method: cases that differ in it alone, paired by seed."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.comparison import case_paper, completed_by_seed
from pckd.analysis.numbers.epochs import strategy_of
from pckd.analysis.settings import Settings
from pckd.analysis.statistics import Interval, mean_interval, paired_difference
from pckd.analysis.words import verdict

IN_PARTS = ("loss", "preview")
"""The keys of a run that its components are made of."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A case, and one that has a component more."""

    without: str
    having: str
    by_seed: "pd.Series[float]"
    """Test accuracy of the second minus that of the first, by seed, in points."""
    difference: Interval
    paper: float
    """The paper's difference; NaN where it has no number."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a component for one pair."""

    pair: str
    component: str
    steps: Sequence[Addition]
    """All pairs of cases that differ in the component alone."""
    by_seed: "pd.Series[float]"
    """Mean over the steps, for the seeds that have all of them."""
    mean: Interval
    paper: float
    """Mean of the paper's differences over the same steps; NaN where one is missing."""


def component_effects(study: StudyResults) -> list[Effect]:
    """The effects that a study of cases can tell, by pair, in the order of the study file.

    A component is a loss term or a strategy of weighting samples; those that the study only
    switches together, such as the three terms of category contrast in Table V, count as one.
    """
    return [
        effect
        for pair, trials in study.trials.groupby("pair", sort=False)
        for effect in _effects(study, str(pair), trials)
    ]


def effect_rows(effect: Effect) -> pd.DataFrame:
    """The effect and, where it is the mean of several, each comparison behind it.

    Returns:
        Columns pair, component, comparison, n, difference, low, high (points, paired by seed),
        verdict and paper.
    """
    several = len(effect.steps) > 1
    mean = [(f"mean of {len(effect.steps)}", effect.mean, effect.paper)] if several else []
    steps = [
        (f"{step.having} against {step.without}", step.difference, step.paper)
        for step in effect.steps
    ]
    rows = [
        {
            "pair": effect.pair,
            "component": effect.component,
            "comparison": name,
            "n": difference.count,
            "difference": difference.mean,
            "low": difference.low,
            "high": difference.high,
            "verdict": verdict(difference),
            "paper": paper,
        }
        for name, difference, paper in [*mean, *steps]
    ]
    return pd.DataFrame(rows)


def component_name(parts: Collection[str], study: StudyResults) -> str:
    """`FA`, `preview`, `CKD + preview`: labels of terms, and the names of whole groups of them.

    Args:
        parts: Names of terms and strategies, in the order in which they are named.
        study: That knows their labels and groups.
    """
    whole = {
        term: name for name, terms in study.groups.items() if terms <= set(parts) for term in terms
    }
    names = [whole.get(part, study.labels.get(part, part)) for part in parts]
    return " + ".join(dict.fromkeys(names))


def _effects(study: StudyResults, pair: str, trials: pd.DataFrame) -> list[Effect]:
    cases = {str(case): mine for case, mine in trials.groupby("case", sort=False)}
    added = {
        (one, other): parts
        for one, other in permutations(cases, 2)
        if (parts := _added(cases[one].iloc[0], cases[other].iloc[0]))
    }
    found = set(added.values())
    smallest = [parts for parts in found if not any(other < parts for other in found)]
    order = _order(trials)
    return [
        _effect(
            pair,
            component_name(sorted(parts, key=order.index), study),
            [_step(study, cases, *ends) for ends in added if added[ends] == parts],
        )
        for parts in sorted(smallest, key=lambda parts: sorted(map(order.index, parts)))
    ]


def _effect(pair: str, name: str, steps: list[Addition]) -> Effect:
    by_seed = pd.concat([step.by_seed for step in steps], axis=1).dropna().mean(axis=1)
    paper = sum(step.paper for step in steps) / len(steps)
    return Effect(pair, name, steps, by_seed, mean_interval(by_seed), paper)


def _step(
    study: StudyResults, cases: dict[str, pd.DataFrame], without: str, having: str
) -> Addition:
    one, other = completed_by_seed(cases[without]), completed_by_seed(cases[having])
    return Addition(
        without,
        having,
        (other - one).dropna(),
        paired_difference(other, one),
        case_paper(study, cases[having]) - case_paper(study, cases[without]),
    )


def _order(trials: pd.DataFrame) -> list[str]:
    """Terms as their runs list them, then the strategies that weight samples."""
    runs = list(trials["settings"])
    terms = [term for settings in runs for term in settings["loss"]]
    return list(dict.fromkeys([*terms, *filter(None, map(strategy_of, runs))]))


def _added(one: "pd.Series[Any]", other: "pd.Series[Any]") -> frozenset[str]:
    """Components that the second run adds; none if the two also differ otherwise."""
    before, after = _parts(one["settings"]), _parts(other["settings"])
    kept = before.items() <= after.items()
    if not kept or len(before) == len(after):
        return frozenset()
    both_taught = pd.notna(one["teacher"]) and pd.notna(other["teacher"])
    ignored = {*IN_PARTS, "method", "seed", *(() if both_taught else ("teacher", "bank"))}
    rests = [
        {key: value for key, value in row["settings"].items() if key not in ignored}
        for row in (one, other)
    ]
    if rests[0] != rests[1]:
        return frozenset()
    return frozenset(after.keys() - before.keys())


def _parts(settings: Settings) -> dict[str, str]:
    """The components that are on, each with its settings as text."""
    on = {term: values for term, values in settings["loss"].items() if values["weight"]}
    strategy = strategy_of(settings)
    parts = {**on, **({strategy: settings["preview"]} if strategy else {})}
    return {name: json.dumps(values, sort_keys=True) for name, values in parts.items()}
