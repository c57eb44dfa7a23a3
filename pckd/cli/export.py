"""`pckd export`: a trained network for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from pckd.cli.options import Force, NetworkFile
from pckd.cli.output import refuse_overwriting, write_output
from pckd.errors import InputError, check_is_file


def export(
    network: NetworkFile,
    to: Annotated[Path, typer.Argument(help="A new .onnx file.")],
    force: Force = False,
) -> None:
    """Write a trained network as ONNX, compared with onnxruntime."""
    check_is_file(network)
    if to.suffix != ".onnx":
        raise InputError(f"{to}: the name must end in .onnx")
    refuse_overwriting(to, force=force)
    from pckd.training.network_file import TrainedNetwork
    from pckd.training.onnx_file import to_onnx

    trained = TrainedNetwork.from_bytes(network.read_bytes(), str(network))
    write_output(to, to_onnx(trained), force=force)
    height, width = trained.image_size
    print(
        f"{to}: {trained.model}, {len(trained.class_names)} classes, images of {height} x "
        f"{width} pixels; onnxruntime gives its logits"
    )
