"""`pckd terms`: the terms of the loss."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import Json
from pckd.cli.output import print_json, print_rows, print_text
from pckd.errors import InputError

if TYPE_CHECKING:
    from pckd.method.description import TermDescription


def terms(
    name: Annotated[
        str | None,
        typer.Argument(help="Explain one term, such as kd.", autocompletion=completion.terms),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the terms of the loss, or explain one."""
    from pckd.method.description import description

    found = [description(name)] if name else list(_described())
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if name:
        _print_page(found[0])
        return
    for term in found:
        _print_summary(term)
    print("pckd terms NAME explains one.")


def _described() -> "Iterator[TermDescription]":
    """All terms; one that cannot be imported from another package is named and left out."""
    from pckd.method import list_terms
    from pckd.method.description import description

    for name in list_terms():
        try:
            yield description(name)
        except InputError as error:
            print(f"pckd: {error}", file=sys.stderr)


def _print_summary(term: "TermDescription") -> None:
    defaults = (f"{each.name} {json.dumps(each.default)}" for each in term.parameters)
    print_text(f"{term.term}: {term.about}")
    for text in (term.equation, ", ".join(defaults), term.source):
        print_text(text, prefix="  ")
    print()


def _print_page(term: "TermDescription") -> None:
    print_text(f"{term.term}, {term.label} in tables and figures: {term.about}")
    for paragraph in (term.equation, *term.symbols):
        print()
        print_text(paragraph)
    print(f"\nValues: {term.values}. Needs: {', '.join(term.needs) or 'nothing'}.")
    print(f"\nIts parameters stand below loss.{term.term} in a study file:\n")
    rows = [
        {
            "parameter": each.name,
            "default": json.dumps(each.default),
            "allowed": each.allowed,
            "about": each.about,
        }
        for each in term.parameters
    ]
    print_rows(rows, as_json=False)
    if term.source:
        print()
        print_text(f"Source: {term.source}")
