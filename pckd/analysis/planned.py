"""Which rows of the store belong to a study as its file stands now.

A file may have changed since some rows were written: other epochs, other cases, other seeds. Rows
of earlier plans must not enter a mean.
"""

import json
from itertools import product
from typing import Any

import pandas as pd

from pckd.analysis.pairs import PAIR_KEYS, own_changes, pair_of
from pckd.analysis.settings import (
    SHORTHANDS,
    Settings,
    canonical,
    is_changed,
    leaves,
    same,
    setting,
)

OF_THE_METHOD = ("loss.", "preview.")
"""Keys of the file's run that a case of another method does not take over."""


def planned_changes(spec: Settings) -> list[dict[str, Any]]:
    """The changes of each case of a plan without a search, in the order of the study file."""
    if spec.get("cases"):
        return list(spec["cases"].values())
    if spec.get("grid"):
        combinations = product(*spec["grid"].values())
        return [dict(zip(spec["grid"], values, strict=True)) for values in combinations]
    vary = spec.get("vary_one") or {}
    return [{}, *({key: value} for key, values in vary.items() for value in values)]


def position(changes: Settings, spec: Settings) -> int | None:
    """Where a trial's own changes stand in the plan; None where they do not."""
    if spec.get("search"):
        return 0 if _within_search(changes, spec["search"]["parameters"]) else None
    for index, planned in enumerate(planned_changes(spec)):
        if same(changes, planned):
            return index
    return None


def is_planned(changes: Settings, settings: Settings, spec: Settings) -> bool:
    """Whether a trial's changes, pair and seed are those of the plan, and its run the file's."""
    return (
        position(own_changes(changes, spec), spec) is not None
        and (not spec.get("pairs") or pair_of(changes, spec) is not None)
        and settings.get("seed") in spec["seeds"]
        and all(
            is_changed(key, changes)
            or ("method" in changes and key.startswith(OF_THE_METHOD))
            or same(setting(settings, key), value)
            for key, value in leaves(spec["run"])
            if key not in (*PAIR_KEYS, "seed")
        )
    )


def fits_newest(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which planned rows agree with the newest on what the file's run does not spell out.

    The models of rows that do not change them must be the newest row's, since a model has several
    spellings; and rows with the same changes must have one configuration, apart from the seed.

    Args:
        rows: Columns changes (JSON), settings (dict) and updated.
    """
    models: dict[str, Any] = {}
    configurations: dict[str, str] = {}
    fits: dict[Any, bool] = {}
    ordered = rows.sort_values("updated", ascending=False)
    for label, text, settings in zip(
        ordered.index, ordered["changes"], ordered["settings"], strict=True
    ):
        changes = json.loads(text)
        models_fit = all(
            same(models.setdefault(key, setting(settings, key)), setting(settings, key))
            for key in PAIR_KEYS
            if not is_changed(key, changes)
        )
        own = canonical(settings, with_seed=False)
        name = json.dumps(changes, sort_keys=True)
        fits[label] = models_fit and configurations.setdefault(name, own) == own
    return pd.Series(fits, dtype=bool).reindex(rows.index)


def defaults(spec: Settings, trials: pd.DataFrame) -> dict[str, Any]:
    """What the keys of a plan are where a case leaves them alone, as far as that can be known.

    Args:
        spec: The study file.
        trials: Planned rows: columns changed (dict) and settings (dict).
    """
    run = dict(leaves(spec["run"]))
    found = {}
    for key in dict.fromkeys(key for changes in planned_changes(spec) for key in changes):
        alone = [
            settings
            for changed, settings in zip(trials["changed"], trials["settings"], strict=True)
            if not is_changed(key, changed)
        ]
        if alone:
            found[key] = setting(alone[0], key)
        elif SHORTHANDS.get(key, key) in run:
            found[key] = run[SHORTHANDS.get(key, key)]
    return found


def effective(changes: Settings, default: Settings) -> dict[str, Any]:
    """The changes that do change something."""
    return {
        key: value
        for key, value in changes.items()
        if key not in default or not same(default[key], value)
    }


def planned_trials(spec: Settings, default: Settings) -> int:
    """How many trials the plan consists of; of a search, the most that there can be.

    Args:
        spec: The study file.
        default: Of `defaults`: a case that sets a key to its default is no further trial.
    """
    multiplier = len(spec["seeds"]) * max(1, len(spec.get("pairs", ())))
    if spec.get("search"):
        return int(spec["search"]["trials"]) * multiplier
    distinct: list[dict[str, Any]] = []
    for changes in planned_changes(spec):
        own = effective(changes, default)
        if not any(same(own, other) for other in distinct):
            distinct.append(own)
    return len(distinct) * multiplier


def _within_search(changes: Settings, parameters: Settings) -> bool:
    active = {key for key, entry in parameters.items() if _is_active(entry, changes)}
    return changes.keys() == active and all(
        _is_allowed(parameters[key], value) for key, value in changes.items()
    )


def _is_active(entry: Settings, changes: Settings) -> bool:
    """Whether the values chosen before make a parameter part of the configuration."""
    return all(
        key in changes and changes[key] in (allowed if isinstance(allowed, list) else [allowed])
        for key, allowed in (entry.get("when") or {}).items()
    )


def _is_allowed(entry: Settings, value: Any) -> bool:  # noqa: ANN401
    if entry.get("choices"):
        return value in entry["choices"]
    return isinstance(value, (int, float)) and bool(entry["low"] <= value <= entry["high"])
