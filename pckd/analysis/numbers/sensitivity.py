"""Accuracy against one key at a time, and whether it matters."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10, nan
from typing import Any, Literal

import numpy as np
import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.settings import setting, short_key
from pckd.analysis.statistics import Spread, mean_interval, paired_difference, spread
from pckd.analysis.terms import key_words

Scale = Literal["linear", "log", "symlog", "category"]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Response of the test accuracy to one key."""

    key: str
    """Dotted key as study files write it."""
    name: str
    """In words."""
    pair: str
    points: pd.DataFrame
    """One row per completed trial: value, seed, top1 (percent)."""
    summary: pd.DataFrame
    """One row per value: value, is_default, n, mean, low, high (95% t-interval over seeds),
    difference, difference_low, difference_high, difference_n (paired, from the default, of which
    they are NaN and 0)."""
    spread: Spread | None
    """Best minus worst mean; its positions are rows of the summary."""
    scale: Scale
    """The axis that suits the values."""


def sensitivities(study: StudyResults) -> list[Sensitivity]:
    """One for each pair and key of a vary_one study that has a completed trial."""
    tested = study.completed.dropna(subset="test_top1")
    found = [
        (key, str(pair), _points(trials, key))
        for pair, trials in tested.groupby("pair", sort=False)
        for key in study.spec["vary_one"]
    ]
    return [
        _sensitivity(key, key_words(short_key(key), study.labels), pair, points)
        for key, pair, points in found
        if not points.empty
    ]


def _points(trials: pd.DataFrame, key: str) -> pd.DataFrame:
    """The trials that change this key or nothing: value, seed, top1, is_default."""
    mine = trials[[set(changed) <= {key} for changed in trials["changed"]]]
    return pd.DataFrame(
        {
            "value": pd.Series([setting(item, key) for item in mine["settings"]], dtype=object),
            "seed": mine["seed"].to_list(),
            "top1": mine["test_top1"].to_list(),
            "is_default": [not changed for changed in mine["changed"]],
        }
    )


def _sensitivity(key: str, name: str, pair: str, points: pd.DataFrame) -> Sensitivity:
    values = _ordered(points["value"].tolist())
    by_seed = [_by_seed(points, value) for value in values]
    default = _default(points)
    reference = pd.Series(dtype=float) if default is None else _by_seed(points, default)
    rows = [
        _row(value, accuracies, reference, default is not None and _name(value) == _name(default))
        for value, accuracies in zip(values, by_seed, strict=True)
    ]
    return Sensitivity(
        key=short_key(key),
        name=name,
        pair=pair,
        points=points[["value", "seed", "top1"]],
        summary=pd.DataFrame(rows),
        spread=spread(pd.concat(by_seed, axis=1).to_numpy().T.tolist()),
        scale=scale_of(values),
    )


def _default(points: pd.DataFrame) -> Any:  # noqa: ANN401
    defaults = points.loc[points["is_default"], "value"]
    return None if defaults.empty else defaults.iloc[0]


def _by_seed(points: pd.DataFrame, value: object) -> "pd.Series[float]":
    """Accuracy by seed at one value."""
    mine = points[points["value"].map(_name) == _name(value)]
    return mine.groupby("seed")["top1"].mean()


def _row(
    value: object, accuracies: "pd.Series[float]", reference: "pd.Series[float]", is_default: bool
) -> dict[str, Any]:
    interval = mean_interval(accuracies)
    difference = paired_difference(accuracies, reference.head(0) if is_default else reference)
    return {
        "value": value,
        "is_default": is_default,
        "n": interval.count,
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_n": difference.count,
    }


def _ordered(values: Sequence[object]) -> list[Any]:
    """Distinct values: numbers by size, others as they come."""
    distinct = list({_name(value): value for value in values}.values())
    return sorted(distinct) if all(_is_number(value) for value in distinct) else distinct


def _name(value: object) -> str:
    return json.dumps(float(value) if _is_number(value) else value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def scale_of(values: Sequence[Any]) -> Scale:
    """The axis that spreads values most evenly.

    Args:
        values: Distinct, numbers by size.

    Returns:
        log where positive values span a factor of 4 and are spaced more evenly by factor than by
        difference; symlog for such values and zero; category where some value is no number.
    """
    if not all(_is_number(value) for value in values):
        return "category"
    positive = [float(value) for value in values if value > 0]
    if len(positive) < 2 or len(values) - len(positive) > 1 or min(values) < 0:
        return "linear"
    if max(positive) / min(positive) < 4:
        return "linear"
    by_factor = _unevenness([log10(value) for value in positive])
    if by_factor > _unevenness(positive):
        return "linear"
    return "symlog" if 0 in values else "log"


def _unevenness(values: Sequence[float]) -> float:
    steps = np.diff(values)
    return float(steps.std() / steps.mean()) if steps.mean() else nan
