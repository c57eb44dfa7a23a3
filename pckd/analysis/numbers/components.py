"""What each component of the method adds: cases that differ in it alone, paired by seed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.comparison import case_paper, completed_by_seed
from pckd.analysis.numbers.progress import STRATEGIES, strategy_of
from pckd.analysis.settings import Settings, weight_of
from pckd.analysis.statistics import Interval, mean_interval, paired_difference
from pckd.analysis.words import verdict

NAMES = {
    "kd": "KD",
    "feature_alignment": "FA",
    "center_alignment": "CA",
    "center_contrast": "CC",
}
"""The paper's short names of its terms."""
ORDER = [*NAMES.values(), *STRATEGIES]
"""In which components are named."""
CKD = frozenset({"FA", "CA", "CC"})
"""What the paper calls category contrastive distillation."""


@dataclass(frozen=True, slots=True)
class Step:
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
    """What a component adds for one pair."""

    pair: str
    component: str
    steps: Sequence[Step]
    """All pairs of cases that differ in the component alone."""
    by_seed: "pd.Series[float]"
    """Mean over the steps, for the seeds that have all of them."""
    mean: Interval
    paper: float
    """Mean of the paper's differences over the same steps; NaN where one is missing."""


def component_effects(study: StudyResults) -> list[Effect]:
    """The effects that a study of cases can tell, by pair, in the order of the study file.

    A component is a term of Eq. 8 or a strategy of weighting samples; those that the study only
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


def _effects(study: StudyResults, pair: str, trials: pd.DataFrame) -> list[Effect]:
    cases = {str(case): mine for case, mine in trials.groupby("case", sort=False)}
    added = {
        (one, other): parts
        for one, other in permutations(cases, 2)
        if (parts := _added(cases[one].iloc[0], cases[other].iloc[0]))
    }
    found = set(added.values())
    smallest = [parts for parts in found if not any(other < parts for other in found)]
    return [
        _effect(pair, parts, [_step(study, cases, *ends) for ends in added if added[ends] == parts])
        for parts in sorted(smallest, key=_place)
    ]


def _effect(pair: str, parts: frozenset[str], steps: list[Step]) -> Effect:
    by_seed = pd.concat([step.by_seed for step in steps], axis=1).dropna().mean(axis=1)
    paper = sum(step.paper for step in steps) / len(steps)
    return Effect(pair, component_name(parts), steps, by_seed, mean_interval(by_seed), paper)


def _step(study: StudyResults, cases: dict[str, pd.DataFrame], without: str, having: str) -> Step:
    one, other = completed_by_seed(cases[without]), completed_by_seed(cases[having])
    return Step(
        without,
        having,
        (other - one).dropna(),
        paired_difference(other, one),
        case_paper(study, cases[having]) - case_paper(study, cases[without]),
    )


def component_name(parts: frozenset[str]) -> str:
    """`FA`, `preview`, `CKD + preview`."""
    together = ["CKD"] if parts >= CKD else []
    rest = parts - CKD if together else parts
    return " + ".join([*together, *sorted(rest, key=ORDER.index)])


def _place(parts: frozenset[str]) -> list[int]:
    return sorted(map(ORDER.index, parts))


def _added(one: "pd.Series[Any]", other: "pd.Series[Any]") -> frozenset[str]:
    """What the second run has more; nothing unless the two are the same but for that."""
    before, after = _parts(one["settings"]), _parts(other["settings"])
    kept = before.items() <= after.items()
    if not kept or len(before) == len(after):
        return frozenset()
    both_taught = pd.notna(one["teacher"]) and pd.notna(other["teacher"])
    if _rest(one["settings"], both_taught) != _rest(other["settings"], both_taught):
        return frozenset()
    return frozenset(after.keys() - before.keys())


def _parts(settings: Settings) -> dict[str, float]:
    """The components that are on, with their weights."""
    weights = {name: weight_of(settings, term) for term, name in NAMES.items()}
    strategy = strategy_of(settings)
    return {name: weight for name, weight in weights.items() if weight} | (
        {strategy: 1.0} if strategy else {}
    )


def _rest(settings: Settings, with_teacher: bool) -> str:
    """Everything that is no component, as text; the teacher only where both runs had one."""
    loss = {key: value for key, value in settings["loss"].items() if key not in NAMES}
    preview: dict[str, Any] = {**settings["preview"], "strategy": None}
    rest = {**settings, "loss": loss, "preview": preview, "seed": None}
    if not with_teacher:
        rest["teacher"] = None
    return json.dumps(rest, sort_keys=True)
