"""Changes to a run by dotted key, as study files and `--set` write them.

Mappings merge key by key; `loss.TERM: 0.5` means `loss.TERM.weight: 0.5`; another `method` starts
from that method's own terms and preview.
"""

from collections.abc import Mapping
from typing import Any

from pckd.errors import InputError
from pckd.method.presets import DEFAULT_METHOD
from pckd.nested import leaves, with_changes

SHORTHANDS = {"data": "name", "teacher": "model"}
"""Key that a plain name stands for: `data: cifar100` means `data: {name: cifar100}`."""

RENAMED = {
    "loss.temperature": "loss.kd.temperature",
    "loss.contrast_form": "loss.center_contrast.form",
    "loss.contrast_temperature": "loss.center_contrast.temperature",
    "loss.alignment_width": "loss.feature_alignment.width",
}
"""Keys of pckd 0.1, and their present names."""


def refuse_renamed(key: str) -> None:
    """Refuse a key of an earlier version.

    Raises:
        InputError: The key has another name now.
    """
    if key in RENAMED:
        raise InputError(f"{key} is now called {RENAMED[key]}")


def written_out(changes: Mapping[str, Any]) -> dict[str, Any]:
    """List the changes of a run by full dotted key, none of them a mapping.

    Raises:
        InputError: A key is set twice, lies below another, or belongs to an earlier version.
    """
    result: dict[str, Any] = {}
    for given, value in leaves(changes):
        key = _in_full(given, value)
        refuse_renamed(key)
        if key in result:
            raise InputError(f"{key} is set twice")
        result[key] = value
    for key in result:
        above = [other for other in result if key.startswith(f"{other}.")]
        if above:
            raise InputError(f"{above[0]} and {key} are both set: give one of them")
    return result


def are_nested(key: str, other: str) -> bool:
    """Return whether one of two dotted keys is the other, or lies below it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def full_key(key: str, values: list[Any]) -> str:
    """Return the full dotted key of one that a plan gives several values.

    Raises:
        InputError: The key belongs to an earlier version.
    """
    refuse_renamed(key)
    if any(isinstance(value, Mapping) for value in values):
        return key
    return _in_full(key, values[0] if values else None)


def changed_run(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change keys of a run's values; a new `teacher: NAME` keeps the other teacher keys.

    Raises:
        InputError: A key leads through something that is not a mapping, or is set twice.
    """
    changes = written_out(changes)
    values = expand_shorthands(values)
    before = values.get("method", DEFAULT_METHOD)
    if changes.get("method", before) != before:
        values = {key: value for key, value in values.items() if key not in ("loss", "preview")}
    return with_changes(values, changes)


def expand_shorthands(values: Any) -> Any:  # noqa: ANN401
    """Write out `data: NAME`, `teacher: NAME` and `loss: {TERM: 0.5}` in a run's values."""
    if not isinstance(values, Mapping):
        return values
    expanded = {
        key: {SHORTHANDS[key]: value} if key in SHORTHANDS and isinstance(value, str) else value
        for key, value in values.items()
    }
    if isinstance(expanded.get("loss"), Mapping):
        expanded["loss"] = {
            term: {"weight": value} if _is_weight(value) else value
            for term, value in expanded["loss"].items()
        }
    return expanded


def _in_full(key: str, value: Any) -> str:  # noqa: ANN401
    """The key that a shorter one stands for, as `loss.kd` for `loss.kd.weight`."""
    if key in SHORTHANDS and isinstance(value, str):
        return f"{key}.{SHORTHANDS[key]}"
    is_weight = key.startswith("loss.") and key.count(".") == 1 and key not in RENAMED
    return f"{key}.weight" if is_weight else key


def _is_weight(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, (int, float, str)) or value is None
