"""Checks of a study whose cases are searched, each in its own space."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pckd.near_misses import near_misses
from pckd.study.search_config import SearchConfig
from pckd.study.space import Space
from pckd.training.changes import are_nested


def check_case_searches(cases: Mapping[str, Mapping[str, Any]], search: SearchConfig) -> None:
    """Refuse cases without a space, spaces without a case, and names and keys with two meanings.

    Args:
        cases: Of the study, by name, each with what it changes in the run.
        search: Its search.

    Raises:
        ValueError: One sentence.
    """
    if not search.spaces:
        raise ValueError(
            "a study has one plan, not cases and search; to search each case, give search.spaces "
            "the parameters of each"
        )
    for name in search.spaces:
        if name not in cases:
            raise ValueError(
                f"search.spaces names {name!r}, which is no case{near_misses(name, list(cases))}"
            )
    for name, changes in cases.items():
        if name not in search.spaces:
            raise ValueError(
                f"case {name!r} has no space: add it to search.spaces, or move the case to "
                "confirm.against if it is only a reference"
            )
        _check_keys(name, changes, search.spaces[name])
    _check_names(cases, search)


def _check_keys(name: str, changes: Mapping[str, Any], space: Space) -> None:
    for key in space.parameters:
        for changed in changes:
            if are_nested(key, changed):
                raise ValueError(f"case {name!r} both sets {changed} and searches {key}")


def _check_names(cases: Mapping[str, Any], search: SearchConfig) -> None:
    first = Counter(name for space in search.spaces.values() for name in space.first_names)
    for name, count in first.items():
        if count > 1 or name in cases:
            raise ValueError(f"search.spaces: the name {name!r} of a first point is taken already")
