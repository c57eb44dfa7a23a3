"""The parameters of a search, as its study file gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10, nan
from typing import Any

import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from pckd.analysis.settings import short_key
from pckd.analysis.terms import Labels, key_words


@dataclass(frozen=True, slots=True)
class SearchedKey:
    """A searched key: numbers between two bounds, or one of some choices."""

    key: str
    """Dotted key as study files write it."""
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    choices: tuple[Any, ...] = ()
    name: str = ""
    """In words."""

    def place(self, value: Any) -> float:  # noqa: ANN401
        """Position of a value on an axis: choices count from 0; NaN if it is inactive."""
        if pd.isna(value):
            return nan
        return float(self.choices.index(value)) if self.choices else float(value)

    def coordinate(self, value: Any) -> float:  # noqa: ANN401
        """Position of a value between the bounds (or choices), 0 to 1 on the search's scale."""
        if self.choices:
            return self.place(value) / (len(self.choices) - 1)
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(float(value)) - low) / (high - low)

    def even(self, value: Any) -> Any:  # noqa: ANN401
        """The value on an even scale: the logarithm where the search is logarithmic."""
        return value if self.choices else self._scaled(float(value))

    def even_distribution(self) -> BaseDistribution:
        """Optuna's distribution of `even` values."""
        if self.choices:
            return CategoricalDistribution(self.choices)
        return FloatDistribution(self._scaled(self.low), self._scaled(self.high))

    def _scaled(self, value: float) -> float:
        return log10(value) if self.is_log else value


def searched_entries(search: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The entries of all searched keys; of several spaces each key's first."""
    entries = dict(search.get("parameters") or {})
    for space in (search.get("spaces") or {}).values():
        entries = {**space["parameters"], **entries}
    return entries


def parameters(search: Mapping[str, Any], labels: Labels) -> list[SearchedKey]:
    """The parameters of the `search` entry of a study file that can vary, in its order.

    Args:
        search: The entry.
        labels: Of the study's terms.
    """
    found = [
        _parameter(short_key(key), key_words(short_key(key), labels), entry)
        for key, entry in searched_entries(search).items()
    ]
    return [parameter for parameter in found if len(parameter.choices) != 1]


def _parameter(key: str, name: str, entry: Mapping[str, Any]) -> SearchedKey:
    if entry.get("choices"):
        return SearchedKey(key, choices=tuple(entry["choices"]), name=name)
    return SearchedKey(key, entry["low"], entry["high"], bool(entry.get("log")), name=name)
