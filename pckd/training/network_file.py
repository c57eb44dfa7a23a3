"""A trained network as one file: weights, and all that is needed to use them."""

import hashlib
import io
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.models import Network, create_model, load_weights


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A trained network with its architecture and the normalisation of its input."""

    model: str
    """Architecture, as `pckd.models.create_model` knows it."""
    state: dict[str, Tensor] = field(repr=False)
    class_names: list[str]
    mean: list[float]
    """Of pixels in 0..1; R, G, B."""
    std: list[float]
    image_size: list[int]
    """Height and width in pixels."""
    data: str
    """Name of the data set it was trained on."""
    data_fingerprint: str
    trial: str
    """Identity of the run that trained it; the file's name for an imported one."""
    test_top1: float
    """Percent."""

    def network(self, device: torch.device) -> Network:
        """The network itself, in eval mode, without gradients.

        Raises:
            InputError: The architecture is not known, or the weights do not fit it.
        """
        network = create_model(self.model, num_classes=len(self.class_names))
        load_weights(network, self.state, source=f"the network of run {self.trial}")
        return network.to(device).eval().requires_grad_(False)

    def content_hash(self) -> str:
        """SHA-256 of architecture, names and weights: 64 hexadecimal digits."""
        digest = hashlib.sha256(self.model.encode())
        for name, value in sorted(self.state.items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """The content of the file."""
        stream = io.BytesIO()
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        torch.save({"pckd_network": 1, **values}, stream)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> "TrainedNetwork":
        """Read a file back, never running code that it might carry.

        Raises:
            InputError: The file is damaged, or not one of pckd's networks.
        """
        values = load_tensors(content, source)
        known = values.pop("pckd_network", None) == 1
        if not known or values.keys() != {entry.name for entry in fields(cls)}:
            raise InputError(f"{source}: is no network that this version of pckd saved")
        network = cls(**values)
        if not isinstance(network.state, dict) or not isinstance(network.class_names, list):
            raise InputError(f"{source}: holds no weights, or no names of classes")
        return network


def load_tensors(content: bytes, source: str) -> dict[str, Any]:
    """A mapping that torch.save wrote, holding tensors and plain values only.

    Nothing that the file might carry is executed.

    Raises:
        InputError: The file is damaged or holds anything else.
    """
    try:
        values = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # damaged or hostile bytes fail in any way
        raise InputError(
            f"{source}: cannot be read as a checkpoint: it is damaged or holds more than tensors "
            f"and plain values"
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"{source}: holds a {type(values).__name__}, not a checkpoint")
    return values
