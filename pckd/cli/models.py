"""`pckd models`: the architectures."""

from typing import Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import Json
from pckd.cli.output import print_rows


def models(
    pattern: Annotated[
        str,
        typer.Argument(
            help="A name or a pattern such as 'wrn*'.", autocompletion=completion.networks
        ),
    ] = "*",
    as_json: Json = False,
) -> None:
    """List the architectures: parameters, FLOPs, feature width.

    FLOPs are those of one image of their size. The classifier counts as for CIFAR-100, that of
    torchvision's networks as for ImageNet.
    """
    from pckd.models import find_models
    from pckd.models.sizes import sizes_of

    print_rows([sizes_of(name) for name in find_models(pattern)], as_json=as_json)
