"""Terms of a run as rows: weights and parameters in long form, for any term."""

from collections.abc import Mapping
from typing import Any

from pckd.errors import InputError

Loss = Mapping[str, Mapping[str, Any]]
"""The settings of each term, as plain values."""


def term_rows(loss: Loss) -> list[dict[str, Any]]:
    """One row per term that is on and parameter, its weight among them, as `terms` of `trials`."""
    return [
        {
            "term": term,
            "label": label_of(term),
            "parameter": parameter,
            "value": float(value) if isinstance(value, (int, float)) else None,
            "text": _text(value),
        }
        for term, settings in loss.items()
        if settings.get("weight")
        for parameter, value in settings.items()
    ]


def label_of(term: str) -> str:
    """The short name of a term in tables and figures; its own name where it is not installed."""
    from pckd.method import find_term  # imports torch, which readers of results do without

    try:
        return find_term(term).label
    except InputError:
        return term


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
