"""Progress from epoch to epoch."""

from dataclasses import dataclass

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.settings import Settings, setting, weight_of


@dataclass(frozen=True, slots=True)
class TermCurve:
    """One loss term over the epochs of the case that stands for it."""

    term: str
    """Its name in study files; `total` is the weighted sum."""
    example: "Example"
    line: pd.DataFrame
    """Loss before its weight, from `over_seeds`."""
    weights: tuple[float, float] | None
    """The smallest and the largest of all epochs; None for the total."""


@dataclass(frozen=True, slots=True)
class Example:
    """The case that stands for a study in a figure of single epochs."""

    label: str
    trials: list[str]
    """Identities, one a seed."""


def over_seeds(epochs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean and range over seeds of a column, by epoch.

    Returns:
        Columns epoch, mean, low, high (smallest and largest of the seeds), n; epochs without a
        value are left out.
    """
    return _over_seeds(epochs, ["epoch"], column)


def learning_curves(study: StudyResults) -> pd.DataFrame:
    """Top-1 accuracy by epoch of each pair and case, over its completed trials.

    Returns:
        Columns pair, position, case, epoch, mean, low, high, n.
    """
    done = study.epochs[study.epochs["status"] == "completed"]
    return _over_seeds(done, ["pair", "position", "case", "epoch"], "top1")


def _over_seeds(epochs: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    groups = epochs.dropna(subset=column).groupby(keys, sort=False)[column]
    return groups.agg(mean="mean", low="min", high="max", n="count").reset_index()


def example(study: StudyResults) -> Example | None:
    """The best configuration of a search, else the case with the most loss terms.

    Of several with as many, the first in the study file; None if there are no epochs yet.
    """
    if study.kind == "search":
        done = completed(configurations(study))
        if not done.empty:
            return Example("the best configuration", done["trials"].iloc[0])
    return _fullest(study, study.trials)


def weighted_examples(study: StudyResults) -> list[Example]:
    """A case for each strategy that weights samples, for Figure 6; chosen as by `example`."""
    if study.kind == "search":
        found = example(study)
        return [found] if found is not None and _is_weighted(study, found) else []
    strategies = study.trials["settings"].map(strategy_of)
    names = strategies.dropna().unique()
    examples = [_fullest(study, study.trials[strategies == name]) for name in names]
    return [item for item in examples if item is not None]


def term_curves(study: StudyResults) -> list[TermCurve]:
    """Every term of the study: those of `example` with its total, then those of other cases.

    A term that the example does not have is shown in the case with the most terms that has it.
    """
    curves: list[TermCurve] = []
    shown: set[str] = set()
    found = example(study)
    while found is not None:
        is_of = study.trials["trial"].isin(found.trials)
        settings = study.trials.loc[is_of, "settings"].iloc[0]
        epochs = study.epochs[study.epochs["trial"].isin(found.trials)]
        if not curves:
            curves.append(TermCurve("total", found, over_seeds(epochs, "loss_total"), None))
        for term in settings["loss"]:
            if term in active_terms(settings) - shown and f"loss_{term}" in epochs:
                line, weights = over_seeds(epochs, f"loss_{term}"), _weights(epochs, settings, term)
                curves.append(TermCurve(term, found, line, weights))
        shown |= active_terms(settings)
        left = [bool(active_terms(item) - shown) for item in study.trials["settings"]]
        found = _fullest(study, study.trials[left])
    return [curve for curve in curves if not curve.line.empty]


def _weights(epochs: pd.DataFrame, settings: Settings, term: str) -> tuple[float, float]:
    """The smallest and largest weight of a term; of old rows, which have none, the run's."""
    known = epochs[f"weight_{term}"].fillna(weight_of(settings, term))
    return float(known.min()), float(known.max())


def _fullest(study: StudyResults, trials: pd.DataFrame) -> Example | None:
    trials = trials[trials["trial"].isin(study.epochs["trial"])]
    done = trials[trials["status"] == "completed"]
    usable = trials if done.empty else done
    if usable.empty:
        return None
    terms = usable["settings"].map(lambda settings: len(active_terms(settings)))
    first = usable[terms == terms.max()].iloc[0]
    mine = usable[(usable["pair"] == first["pair"]) & (usable["case"] == first["case"])]
    label = f"{first['case']}, {first['pair']}" if first["pair"] else str(first["case"])
    return Example(label, mine["trial"].tolist())


def active_terms(settings: Settings) -> set[str]:
    """The terms that are on."""
    return {term for term in settings["loss"] if weight_of(settings, term)}


def _is_weighted(study: StudyResults, found: Example) -> bool:
    settings = study.trials.loc[study.trials["trial"].isin(found.trials), "settings"]
    return any(strategy_of(item) for item in settings)


def strategy_of(settings: Settings) -> str | None:
    """The strategy of a run, if it weights some term that is on."""
    name = setting(settings, "preview.strategy")
    terms = setting(settings, "preview.applies_to") or ()
    is_used = any(weight_of(settings, term) for term in terms)
    return str(name) if name != "none" and is_used else None
