"""`pckd models`: the architectures."""

from dataclasses import asdict
from typing import Annotated

import typer

from pckd.cli.options import Json
from pckd.cli.output import print_rows
from pckd.models import list_models, model_info


def models(
    pattern: Annotated[str, typer.Argument(help="Which, for example 'wrn*'.")] = "*",
    as_json: Json = False,
) -> None:
    """List the architectures: parameters, FLOPs of one image of their size, feature width."""
    print_rows([asdict(model_info(name)) for name in list_models(pattern)], as_json=as_json)
