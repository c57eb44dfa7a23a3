"""Nested mappings, read and changed by dotted key."""

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from pckd.errors import InputError


def with_changes(
    values: Mapping[str, Any], changes: Mapping[str, Any], above: str = ""
) -> dict[str, Any]:
    """Copy nested values with some of them changed, by dotted key; mappings merge key by key.

    Args:
        values: Nested mappings, as read from YAML; left as they are.
        changes: For example {"loss.kd": 0.5}; mappings on the way are made where missing.
        above: The dotted key of `values` itself, for the error.

    Raises:
        InputError: A key leads through something that is not a mapping, or lacks a name.
    """
    result = dict(values)
    for key, value in changes.items():
        first, dot, rest = key.partition(".")
        if not first or (dot and not rest):
            raise InputError(f"{above}{key}: a key has a name on either side of each dot")
        if not rest:
            result[first] = _merged(result.get(first), value)
            continue
        inner = {} if result.get(first) is None else result[first]
        if not isinstance(inner, Mapping):
            value = reprlib.repr(inner)
            raise InputError(f"{above}{key}: {above}{first} is {value}, with no keys below it")
        result[first] = with_changes(inner, {rest: value}, f"{above}{first}.")
    return result


def leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with its dotted key."""
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{key}.")
        else:
            yield key, value


def _merged(before: Any, value: Any) -> Any:  # noqa: ANN401
    """A value laid over another: of mappings key by key, so that what is not named stays."""
    if not (isinstance(before, Mapping) and isinstance(value, Mapping)):
        return value
    return {**before, **{key: _merged(before.get(key), inner) for key, inner in value.items()}}
