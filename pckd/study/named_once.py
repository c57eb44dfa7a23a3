"""Checks that names and values of a plan occur once, so that no mean counts a trial twice."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pckd.study.pair import Pair
from pckd.training.changes import full_key
from pckd.words import UNSHOWN, as_shown


def full_keys_of_lists(lists: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Values of each key of a grid or of vary_one, by full dotted key.

    Raises:
        InputError: A key belongs to an earlier version.
        ValueError: A key is named twice, has no values, or has one of them twice.
    """
    full: dict[str, list[Any]] = {}
    for key, values in lists.items():
        name = full_key(key, values)
        if name in full:
            raise ValueError(f"{name} is set twice")
        if not values:
            raise ValueError(f"{key} has no values: list some, or leave the key out")
        check_once(key, values)
        full[name] = values
    return full


def check_once(key: str, values: Iterable[Any]) -> None:
    """Refuse a list that has a value twice; 1 and 1.0 are one.

    Args:
        key: Name of the list.
        values: As read from YAML.

    Raises:
        ValueError: One sentence.
    """
    seen: set[str] = set()
    for value in values:
        is_whole = isinstance(value, float) and value.is_integer()
        text = json.dumps(int(value) if is_whole else value, sort_keys=True)
        if text in seen:
            raise ValueError(f"{key} lists {text} twice")
        seen.add(text)


def check_names(cases: Iterable[str]) -> None:
    """Refuse names of cases that tables cannot show, or show like others.

    Raises:
        ValueError: One sentence.
    """
    seen: dict[str, str] = {}
    for name in cases:
        if not name or name != name.strip() or UNSHOWN.search(name):
            raise ValueError(
                f"case {name!r}: a name has a letter or more, no space at its ends, and no control "
                "signs"
            )
        if (twin := seen.setdefault(as_shown(name), name)) != name:
            raise ValueError(f"cases {twin!a} and {name!a} look the same: rename one")


def check_pairs(pairs: Sequence[Pair]) -> None:
    """Refuse pairs of one name: their trials would be taken for repetitions.

    Raises:
        ValueError: One sentence.
    """
    named = [(str(pair), pair.changes) for pair in pairs]
    for place, name in enumerate(named):
        if name in named[:place]:
            raise ValueError(
                f"pairs list {name[0]} twice: leave one, or tell them apart by their changes"
            )
