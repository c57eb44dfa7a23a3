"""Descriptions of terms, taken from their docstrings and their settings.

`python -m pckd.method.describing` writes those of the built-in terms into `terms.json`, from which
`pckd.method.description` reads them without importing a term, and torch with it.
"""

import inspect
import json
import sys
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from pckd.method.description import FILE, ParameterDescription, TermDescription
from pckd.method.registry import BUILT_IN, find_term
from pckd.method.term import Needs, Term

BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
"""Words for the bounds of a JSON schema."""

KINDS = {"boolean": "true or false", "integer": "whole number"}
"""Words for the types of a JSON schema, where its own are no plain English."""


def describe_term(name: str) -> TermDescription:
    """Describe a term.

    Raises:
        InputError: There is no such term, or it cannot be imported.
    """
    kind = find_term(name)
    about, *paragraphs = _paragraphs(sys.modules[kind.__module__].__doc__)
    equation, *symbols = _paragraphs(kind.__doc__)
    sources = (text for text in paragraphs if text.startswith("Source: "))
    return TermDescription(
        term=name,
        label=kind.label,
        about=about,
        equation=equation,
        symbols=symbols,
        values="per sample" if kind.per_sample else "one number for a batch",
        needs=_needs(kind),
        source=next(sources, "").removeprefix("Source: "),
        parameters=_parameters(kind.Config),
    )


def _paragraphs(docstring: str | None) -> list[str]:
    """Split a docstring into paragraphs, each on one line."""
    text = inspect.cleandoc(docstring or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def _needs(kind: type[Term[Any]]) -> list[str]:
    """List in words what differs from the default `Needs`."""
    none = Needs(teacher=False)
    needs = kind.needs(kind.Config.model_construct())
    asked = {name: getattr(needs, name) for name in Needs.__dataclass_fields__}
    return [
        name.replace("_", " ") if value is True else f"{value} {name.replace('_', ' ')}"
        for name, value in asked.items()
        if value != getattr(none, name)
    ]


def _parameters(config: type[BaseModel], above: str = "") -> list[ParameterDescription]:
    """The settings of a class; those that stand below another one's key are named with it."""
    schema = config.model_json_schema()["properties"]
    defaults: dict[str, Any] = {}
    found: list[ParameterDescription] = []
    for name, field in config.model_fields.items():
        defaults[name] = (
            None
            if field.is_required()
            else field.get_default(call_default_factory=True, validated_data=defaults)
        )
        if isinstance(defaults[name], BaseModel):
            found += _parameters(type(defaults[name]), f"{above}{name}.")
            continue
        about = schema[name].get("description", "")
        allowed = _allowed(schema[name])
        found.append(ParameterDescription(f"{above}{name}", defaults[name], allowed, about))
    return found


def _allowed(schema: dict[str, Any]) -> str:
    """Describe in words the values that a JSON schema allows."""
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_allowed(each) for each in schema["anyOf"])
    kind = schema.get("type", "anything")
    limits = [f"{words} {schema[bound]}" for bound, words in BOUNDS.items() if bound in schema]
    named = [] if kind == "number" and limits else [KINDS.get(kind, kind)]
    return ", ".join([*named, *limits])


def built_in_text() -> str:
    """The content of `terms.json`."""
    described = [asdict(describe_term(name)) for name in BUILT_IN]
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(built_in_text(), encoding="utf-8")
