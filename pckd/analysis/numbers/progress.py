"""What happened from epoch to epoch."""

from dataclasses import dataclass

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.settings import Settings, setting, weight_of

STRATEGIES = ("preview", "curriculum", "focal")
"""Those that give samples different weights."""


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
    examples = [_fullest(study, study.trials[strategies == name]) for name in STRATEGIES]
    return [item for item in examples if item is not None]


def loss_columns(epochs: pd.DataFrame) -> list[str]:
    """The loss columns that have values: the total, then the terms that were on."""
    terms = [name for name in map(str, epochs) if name.startswith("loss_")]
    names = ["loss_total", *(name for name in terms if name != "loss_total")]
    return [name for name in names if epochs[name].notna().any()]


def _fullest(study: StudyResults, trials: pd.DataFrame) -> Example | None:
    trials = trials[trials["trial"].isin(study.epochs["trial"])]
    done = trials[trials["status"] == "completed"]
    usable = trials if done.empty else done
    if usable.empty:
        return None
    terms = usable["settings"].map(_active_terms)
    first = usable[terms == terms.max()].iloc[0]
    mine = usable[(usable["pair"] == first["pair"]) & (usable["case"] == first["case"])]
    label = f"{first['case']}, {first['pair']}" if first["pair"] else str(first["case"])
    return Example(label, mine["trial"].tolist())


def _active_terms(settings: Settings) -> int:
    return sum(bool(weight_of(settings, term)) for term in settings["loss"])


def _is_weighted(study: StudyResults, found: Example) -> bool:
    settings = study.trials.loc[study.trials["trial"].isin(found.trials), "settings"]
    return any(strategy_of(item) for item in settings)


def strategy_of(settings: Settings) -> str | None:
    """The strategy of a run, if it weights some term that is on."""
    name = setting(settings, "preview.strategy")
    terms = setting(settings, "preview.applies_to") or ()
    is_used = any(weight_of(settings, term) for term in terms)
    return str(name) if name in STRATEGIES and is_used else None
