"""Configurations as plain nested dictionaries, as the store holds them."""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def setting(settings: Settings, key: str) -> Any:  # noqa: ANN401
    """The value of a dotted key; None where there is none."""
    value: Any = settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def weight_of(settings: Settings, term: str) -> float:
    """The weight of a term; 0 where it is not part of the configuration."""
    return float(setting(settings, f"loss.{term}.weight") or 0.0)


def short_key(key: str) -> str:
    """A key as people write it: the weight `loss.TERM.weight` is `loss.TERM`."""
    return key.removesuffix(".weight") if key.startswith("loss.") else key
