"""Accuracies at equal budget: what configurations that were stopped early would have reached."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import nan

import numpy as np
import pandas as pd

Line = tuple[float, float]
"""Slope and intercept."""

Lines = Mapping[tuple[int, int], Line | None]
"""By the two epochs that they join."""

FEWEST_PAIRS = 5
"""Configurations that must have reached the next epoch at which some were stopped."""


def at_full_budget(ranked: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """The completed configurations, and the stopped ones with the accuracy expected of them.

    From one epoch at which configurations were stopped to the next, and from the last to the full
    budget, the accuracy of those that went on is a straight line of the one that they had: least
    squares over all configurations that reached both. A stopped one follows these lines from where
    it ended, so what it is expected to reach counts its rank and its distance, and not that it
    trained for less. Where fewer than 5 configurations went on, those stopped there are left out.

    This takes it that what is behind at an epoch stays behind: a setting that only slows learning
    has at the end the effect that it had where trials were stopped.

    Args:
        ranked: Of `configurations`.
        epochs: Of the study: columns trial, epoch and top1 (percent).

    Returns:
        Rows of `ranked`; `heldout_mean` is the accuracy at full budget.
    """
    used = ranked[ranked["status"].isin(["completed", "stopped"])]
    curves = [_curve(epochs, trials) for trials in used["trials"]]
    lengths = [len(curve) for curve in curves]
    is_stopped = (used["status"] == "stopped").tolist()
    stops = {length for length, early in zip(lengths, is_stopped, strict=True) if early and length}
    rungs = sorted({*stops, max(lengths, default=0)})
    lines = {(before, after): _line(curves, before, after) for before, after in pairwise(rungs)}
    expected = [
        _follow(curve, rungs, lines) if early else accuracy
        for curve, early, accuracy in zip(curves, is_stopped, used["heldout_mean"], strict=True)
    ]
    return used.assign(heldout_mean=expected).dropna(subset="heldout_mean")


def _curve(epochs: pd.DataFrame, trials: Sequence[str]) -> list[float]:
    """The mean over a configuration's seeds by epoch, as far as all that ran have come."""
    mine = epochs[epochs["trial"].isin(trials)].drop_duplicates(["trial", "epoch"])
    wide = mine.pivot(index="epoch", columns="trial", values="top1").sort_index()
    return [float(mean) for mean in wide.dropna().mean(axis=1)]


def _line(curves: Sequence[Sequence[float]], before: int, after: int) -> Line | None:
    """The accuracy after an epoch from the one before it; None where too few reached both."""
    both = [curve for curve in curves if len(curve) >= after]
    earlier, later = ([curve[epoch - 1] for curve in both] for epoch in (before, after))
    if len(both) < FEWEST_PAIRS or len(set(earlier)) < 2:
        return None
    slope, intercept = np.polyfit(earlier, later, 1)
    return float(slope), float(intercept)


def _follow(curve: Sequence[float], rungs: Sequence[int], lines: Lines) -> float:
    """The accuracy at the last rung of a curve that ends at an earlier one; NaN if unknown."""
    value = curve[-1] if curve else nan
    for rung in pairwise(rungs[rungs.index(len(curve)) :] if curve else ()):
        line = lines[rung]
        value = nan if line is None else line[0] * value + line[1]
    return value
