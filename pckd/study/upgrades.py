"""Results of earlier versions in the form of today's; nothing on disk changes.

Version 1 had a column `loss_TERM` a term in the table `epochs`, and settings of the five terms of
PCKD side by side: `loss.kd` was a weight, `loss.temperature` that of KD.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pckd.nested import with_changes
from pckd.study.schema import PARAMETERS, TERMS
from pckd.study.term_rows import term_rows
from pckd.training.changes import RENAMED

EARLIER_GROUPS = {"CKD": ("center_contrast", "feature_alignment", "center_alignment")}
"""Groups of studies that did not keep their own."""

EARLIER_METHOD = "pckd"
"""The method of runs that were written before there were others."""


def upgraded(table: str, content: pa.Table, version: int) -> pa.Table:
    """Rows of a table as they would be written today.

    Args:
        table: Its name.
        content: Its rows, as they were read.
        version: Of the schema that they were written with.
    """
    if version == 1 and table == "epochs":
        return _with_losses(content)
    if version == 1 and table == "trials":
        content = _with_full_keys(content)
    return _with_parameters(content) if table == "trials" else content


def upgraded_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A study file as it is kept today: keys of the loss in full."""
    cases = spec.get("cases") or {}
    renamed: dict[str, Any] = _renamed({key: spec[key] for key in spec if key != "cases"})
    if cases:
        renamed["cases"] = {name: _renamed(changes) for name, changes in cases.items()}
    if isinstance(renamed.get("run"), Mapping):
        renamed["run"] = _nested(renamed["run"])
    return renamed


def _with_full_keys(trials: pa.Table) -> pa.Table:
    for name, upgrade in (("changes", _renamed), ("config", _nested)):
        if name in trials.column_names:
            texts = [_rewritten(text, upgrade) for text in trials[name].to_pylist()]
            place = trials.column_names.index(name)
            trials = trials.set_column(place, name, pa.array(texts, pa.string()))
    return trials


def _with_parameters(trials: pa.Table) -> pa.Table:
    """Trials with method and terms, which the first files of version 2 lack as well."""
    if "terms" in trials.column_names or "config" not in trials.column_names:
        return trials
    configs = [_parsed(text) for text in trials["config"].to_pylist()]
    methods = [config.get("method", EARLIER_METHOD) if config else None for config in configs]
    terms = [term_rows(config["loss"]) if "loss" in config else None for config in configs]
    trials = trials.append_column("method", pa.array(methods, pa.string()))
    return trials.append_column("terms", pa.array(terms, PARAMETERS))


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _rewritten(text: str | None, upgrade: Any) -> str | None:  # noqa: ANN401
    """JSON text with its content upgraded; what is no JSON stays as it is."""
    try:
        return json.dumps(upgrade(json.loads(text or "")))
    except (ValueError, RecursionError):
        return text


def _renamed(value: Any) -> Any:  # noqa: ANN401
    """Nested mappings with the keys of today."""
    if isinstance(value, Mapping):
        return {_full(str(key)): _renamed(inner) for key, inner in value.items()}
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value


def _full(key: str) -> str:
    if key in RENAMED:
        return RENAMED[key]
    is_weight = key.startswith("loss.") and key.count(".") == 1
    return f"{key}.weight" if is_weight else key


def _nested(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run whose terms have settings of their own."""
    loss = run.get("loss")
    if not isinstance(loss, Mapping):
        return dict(run)
    flat = {key: value for key, value in loss.items() if not isinstance(value, Mapping)}
    kept = {key: value for key, value in loss.items() if key not in flat}
    changes = {_full(f"loss.{key}"): value for key, value in flat.items()}
    return with_changes({**run, "loss": kept}, changes)


def _with_losses(epochs: pa.Table) -> pa.Table:
    names = [name for name in epochs.column_names if name.startswith("loss_")]
    if "terms" in epochs.column_names or not names:
        return epochs
    terms = [
        [
            {"term": name.removeprefix("loss_"), "weight": None, "loss": row[name]}
            for name in names
            if name != "loss_total" and row[name] is not None
        ]
        for row in epochs.select(names).to_pylist()
    ]
    return epochs.append_column("terms", pa.array(terms, TERMS))
