"""Defaults that depend on the method of a run and on its networks."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from pckd.errors import InputError
from pckd.method.presets import DEFAULT_METHOD, find_preset
from pckd.models import canonical_name
from pckd.settings import told_to_pydantic
from pckd.training.changes import expand_shorthands

SLOW_LEARNERS = ("mobilenetv2", "shufflenetv1", "shufflenetv2")
"""Students with default learning rate 0.01 instead of 0.05 [R]."""


def expanded(values: Any) -> Any:  # noqa: ANN401
    """Write shorthands out, and lay a run's values over those of its method."""
    return _with_method(expand_shorthands(values))


def _with_method(values: Any) -> Any:  # noqa: ANN401
    """Lay a run's values over those of its method, and set its student's learning rate."""
    if not isinstance(values, Mapping):
        return values
    with told_to_pydantic():
        preset = find_preset(values.get("method", DEFAULT_METHOD))
    defaults = {
        "loss": preset.terms,
        "preview": preset.preview,
        "optimization": {**preset.optimization, **_slow_rate(values.get("student"))},
    }
    return {**values, **{key: _over(values.get(key, {}), below) for key, below in defaults.items()}}


def _over(given: Any, below: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Lay settings over others, mapping by mapping; of an object, only the fields that were set."""
    if isinstance(given, BaseModel):
        given = given.model_dump(exclude_unset=True)
    if not isinstance(given, Mapping):
        return given
    return {
        **below,
        **{
            key: _over(value, below[key]) if isinstance(below.get(key), Mapping) else value
            for key, value in given.items()
        },
    }


def with_learning_rate(values: Any, model_key: str) -> Any:  # noqa: ANN401
    """Add the learning rate that suits the model, if the values give none."""
    if isinstance(values, str):
        values = {model_key: values}
    if not isinstance(values, Mapping):
        return values
    return {
        **values,
        "optimization": _over(values.get("optimization", {}), _slow_rate(values.get(model_key))),
    }


def _slow_rate(model: object) -> dict[str, float]:
    """Return the learning rate of a slow learner; unknown names are refused elsewhere."""
    try:
        is_slow = isinstance(model, str) and canonical_name(model) in SLOW_LEARNERS
    except InputError:
        is_slow = False
    return {"learning_rate": 0.01} if is_slow else {}
