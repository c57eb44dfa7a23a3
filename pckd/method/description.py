"""Descriptions of terms, read without importing the built-in ones."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pckd.method.registry import BUILT_IN, find_term

FILE = Path(__file__).with_name("terms.json")
"""Descriptions of the built-in terms, as `pckd.method.describing` wrote them."""


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """A setting of a term.

    Attributes:
        name: Below the term's key in `loss`.
        default: Its value where nobody sets it; None where it has to be set.
        allowed: The values that it takes.
        about: Its meaning, with the unit.
    """

    name: str
    default: Any
    allowed: str
    about: str


@dataclass(frozen=True, slots=True)
class TermDescription:
    """A term as its author describes it.

    Attributes:
        term: Its name in study files.
        label: Its name in tables and figures.
        about: Its idea in one sentence.
        equation: Its value, with shape and unit.
        symbols: Its symbols and its state, a paragraph each.
        values: Whether it has values per sample, or one number for a batch.
        needs: What a step must bring for it, with default settings.
        source: The paper, and how the code differs from it; '' where there is none.
        parameters: Its settings, the weight first.
    """

    term: str
    label: str
    about: str
    equation: str
    symbols: list[str]
    values: str
    needs: list[str]
    source: str
    parameters: list[ParameterDescription]

    def default(self, parameter: str) -> Any:  # noqa: ANN401
        """The default of a parameter."""
        return next(each.default for each in self.parameters if each.name == parameter)


def description(name: str) -> TermDescription:
    """The description of a term.

    Raises:
        InputError: There is no such term, or it cannot be imported.
    """
    if name in BUILT_IN:
        return _built_in()[name]
    find_term(name)
    from pckd.method.describing import describe_term

    return describe_term(name)


@cache
def _built_in() -> dict[str, TermDescription]:
    rows: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        row["term"]: TermDescription(
            **{**row, "parameters": [ParameterDescription(**each) for each in row["parameters"]]}
        )
        for row in rows
    }
