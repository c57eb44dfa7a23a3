"""A trained network as an ONNX file, whose outputs are compared with the network's own."""

import json
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pckd.errors import InputError, RunError, first_line
from pckd.models import Network
from pckd.training.network_file import TrainedNetwork

BATCHES = (1, 3)
"""Sizes of the batches on which outputs are compared: the file takes any."""

TOLERANCE = 1e-4
"""Difference of logits that rounding explains, as a part of the largest logit."""

CPU = torch.device("cpu")


class _Logits(nn.Module):
    """A network without its features and maps."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).logits


def to_onnx(trained: TrainedNetwork) -> bytes:
    """Export a network to ONNX and compare the outputs of onnxruntime with its own.

    The file takes `images`, float32 [B, 3, H, W] in RGB, from which the mean is subtracted and
    which are divided by the standard deviation, and gives `logits` [B, M]. Its metadata hold
    `class_names`, `mean`, `std`, `image_size` and `model`, each as JSON.

    Args:
        trained: The network.

    Returns:
        The content of the file.

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed, or the weights do not fit.
        RunError: The network cannot be expressed in ONNX, or the outputs differ.
    """
    onnx, runtime = _libraries()
    module = _Logits(trained.network(CPU)).eval()
    example = torch.zeros(max(BATCHES), 3, *trained.image_size)
    try:
        with warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        assert program is not None
        proto = program.model_proto
    except Exception as error:  # whatever the exporter meets
        raise RunError(
            f"{trained.model} cannot be exported to ONNX: {first_line(error)}"
        ) from error
    described = ("model", "class_names", "mean", "std", "image_size")
    onnx.helper.set_model_props(
        proto, {name: json.dumps(getattr(trained, name)) for name in described}
    )
    content: bytes = proto.SerializeToString()
    _compare(module, runtime.InferenceSession(content, providers=["CPUExecutionProvider"]), trained)
    return content


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError as error:
        raise InputError(
            f"an export to ONNX needs {error.name}: pip install 'pckd[onnx]'"
        ) from None
    return onnx, onnxruntime


@torch.no_grad()
def _compare(
    module: nn.Module,
    session: Any,  # noqa: ANN401
    trained: TrainedNetwork,
) -> None:
    """Compare logits on random images.

    Raises:
        RunError: They differ by more than rounding.
    """
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        images = torch.randn(batch, 3, *trained.image_size, generator=generator)
        own = module(images)
        exported = torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])
        difference = (own - exported).abs().max().item()
        if not difference <= TOLERANCE * max(1.0, own.abs().max().item()):
            raise RunError(
                f"the ONNX export of {trained.model} gives other logits: they differ by up to "
                f"{difference:.2g}"
            )
