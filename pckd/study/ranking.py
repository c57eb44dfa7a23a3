"""The ranking of a search's configurations, one for all that need the best of them."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

import pandas as pd


class Ran(NamedTuple):
    """A trial of a configuration, as far as its rank depends on it."""

    status: str
    """Status of its row or its outcome."""
    top1: float | None
    """Last top-1 accuracy on the images that select, in percent; None if there is none."""
    epochs: int
    """Length that was planned."""


def ran(row: Mapping[Any, Any]) -> Ran:
    """Read what counts from a row of the table `trials`."""
    top1 = row["last_top1"]
    return Ran(row["status"], None if pd.isna(top1) else top1, row["epochs_planned"])


def standing(trials: Sequence[Ran], seeds: int, budget: int) -> str:
    """Status of a configuration: only those that are `completed` are ranked.

    Args:
        trials: Of the configuration, one a seed.
        seeds: Number of seeds of the study.
        budget: The most epochs of any trial of the search.

    Returns:
        completed: all seeds are, with this budget; failed or stopped: one of its trials is;
        smaller budget: completed in fewer epochs; else running.
    """
    statuses = {trial.status for trial in trials}
    for status in ("failed", "stopped"):
        if status in statuses:
            return status
    if statuses != {"completed"} or len(trials) < seeds or None in {each.top1 for each in trials}:
        return "running"
    return "completed" if {trial.epochs for trial in trials} == {budget} else "smaller budget"


def best_first(configurations: Mapping[str, Sequence[Ran]], seeds: int) -> list[str]:
    """Order the completed configurations by their mean accuracy, the best first.

    Of equal ones the order is that of their names, whichever ended first: a study that goes on
    must find the same winner.

    Args:
        configurations: The trials of each, by a name that holds its values.
        seeds: Number of seeds of the study.
    """
    budget = max((each.epochs for trials in configurations.values() for each in trials), default=0)
    means = {
        name: mean(each.top1 for each in trials if each.top1 is not None)
        for name, trials in configurations.items()
        if standing(trials, seeds, budget) == "completed"
    }
    return sorted(means, key=lambda name: (-means[name], name))
