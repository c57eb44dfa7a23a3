"""`pckd methods`: names for sets of terms."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import Json
from pckd.cli.output import print_json, print_rows, print_text

if TYPE_CHECKING:
    from pckd.method.presets import Preset


def methods(
    name: Annotated[
        str | None,
        typer.Argument(help="Show one method, such as crd.", autocompletion=completion.methods),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the methods, or show all settings of one."""
    from pckd.method.presets import PRESETS, find_preset
    from pckd.training.method_settings import settings_of
    from pckd.yaml_text import to_yaml

    found = {name: find_preset(name)} if name else PRESETS
    if as_json:
        print_json([{**settings_of(key), "source": each.source} for key, each in found.items()])
    elif name:
        print_text(found[name].source, prefix="# ")
        print(to_yaml(settings_of(name), flow=True), end="")
    else:
        rows = [
            {"method": key, "terms": _summary(each), "source": each.source}
            for key, each in found.items()
        ]
        print_rows(rows, as_json=False)


def _summary(preset: "Preset") -> str:
    """Each term with its weight, and with what else differs from its defaults."""
    from pckd.method.description import description

    parts = []
    for term, given in preset.terms.items():
        others = [f"{key} {json.dumps(given[key])}" for key in given if key != "weight"]
        beside = f" ({', '.join(others)})" if others else ""
        weight = given.get("weight", description(term).default("weight"))
        parts.append(f"{term} {weight:g}{beside}")
    return ", ".join(parts)
