"""Configurations as plain nested dictionaries, as the store holds them, and their comparison."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Settings = Mapping[str, Any]

SHORTHANDS = {"data": "data.name", "teacher": "teacher.model"}
"""The key that a plain name stands for."""

PLACE_KEYS = ("root", "download")
"""Of `data`: where images lie does not change a number."""


def short_keys(value: Any) -> Any:  # noqa: ANN401
    """A study file or a trial's changes with `loss.TERM.weight` called `loss.TERM`.

    People read the short key, and studies from before terms had settings of their own hold it.
    """
    if isinstance(value, Mapping):
        return {_short(str(key)): short_keys(inner) for key, inner in value.items()}
    return [short_keys(inner) for inner in value] if isinstance(value, list) else value


def _short(key: str) -> str:
    return key.removesuffix(".weight") if key.startswith("loss.") else key


def setting(settings: Settings, key: str) -> Any:  # noqa: ANN401
    """The value of a dotted key; None where there is none.

    Of `data` and `teacher`, which study files may give as plain names, it is the name.
    """
    value: Any = settings
    for part in SHORTHANDS.get(key, key).split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    is_term = key.startswith("loss.") and isinstance(value, Mapping)
    return value.get("weight") if is_term else value


def leaves(settings: Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted keys and values of a study file's run, but for where its images lie."""
    for name, value in settings.items():
        key = prefix + name
        if key in (f"data.{place}" for place in PLACE_KEYS):
            continue
        if isinstance(value, Mapping):
            yield from leaves(value, f"{key}.")
        else:
            yield SHORTHANDS.get(key, _short(key)), value


def is_changed(key: str, changes: Settings) -> bool:
    """Whether changes touch a key, the mapping that it stands in, or something below it."""
    return any(
        f"{key}.".startswith(f"{changed}.") or f"{changed}.".startswith(f"{key}.")
        for changed in changes
    )


def same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Equality of settings; numbers count by their value, as YAML may give 1e-4 as text."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        return float(one) == float(other)
    except (TypeError, ValueError):
        return bool(one == other)


def canonical(settings: Settings, *, with_seed: bool) -> str:
    """A configuration as canonical JSON, without where its images lie.

    Args:
        settings: The whole configuration.
        with_seed: Whether configurations that differ in their seed only are different.
    """
    data = {key: value for key, value in settings["data"].items() if key not in PLACE_KEYS}
    seed = settings["seed"] if with_seed else None
    return json.dumps({**settings, "data": data, "seed": seed}, sort_keys=True)
