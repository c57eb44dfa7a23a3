"""Names of loss terms and of their settings, from the rows of the store."""

from collections.abc import Iterable, Mapping
from typing import Any

Labels = Mapping[str, str]
"""The short name of each term, by its name in study files."""


def labels_of(rows: Iterable[Iterable[Mapping[str, Any]] | None]) -> dict[str, str]:
    """The labels of all terms of some trials.

    Args:
        rows: The column `terms` of the table `trials`.
    """
    known = (entry for entries in rows if entries is not None for entry in entries)
    return {entry["term"]: entry["label"] for entry in known}


def key_words(key: str, labels: Labels) -> str:
    """A key of a term in words: `loss.crd.temperature` is `CRD temperature`; others as they are.

    Args:
        key: As people write it, so that `loss.crd` is the weight.
        labels: Of the study's terms.
    """
    parts = key.split(".")
    if parts[0] != "loss" or len(parts) not in (2, 3):
        return key
    parameter = parts[2] if len(parts) == 3 else "weight"
    return f"{labels.get(parts[1], parts[1])} {parameter.replace('_', ' ')}"


def term_words(term: str, labels: Labels) -> str:
    """A term in words: `FA, feature alignment`; the label alone where it says as much."""
    label = labels.get(term, term)
    return label if label.lower() == term.lower() else f"{label}, {term.replace('_', ' ')}"
