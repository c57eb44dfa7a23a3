"""A trained network as one file: weights, and everything needed to use them."""

import hashlib
import io
import json
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from pckd.errors import InputError
from pckd.models import Network, create_model, load_weights

VERSION = "2"
"""Version of the file: 1 was written by torch.save, `.pt`, and is still read."""


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A trained network with its architecture and the normalisation of its input."""

    model: str
    """Architecture, as `pckd.models.create_model` knows it."""
    state: dict[str, Tensor] = field(repr=False)
    class_names: list[str]
    mean: list[float]
    """Mean of pixels in 0..1; R, G, B."""
    std: list[float]
    """Their standard deviation, likewise."""
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
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())  # NumPy knows no bfloat16
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """Encode as the content of a `.safetensors` file.

        Its tensors are the state dict; its metadata holds the other fields, each as JSON.
        """
        values = {name: json.dumps(getattr(self, name)) for name in _described()}
        state = {name: value.detach().cpu().contiguous() for name, value in self.state.items()}
        return save(state, {"format": "pt", "pckd_network": VERSION, **values})

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> "TrainedNetwork":
        """Read a file back, never running code that it might carry.

        Raises:
            InputError: The file is damaged, or not one of pckd's networks.
        """
        if content[8:9] == b"{":  # behind the length of the header of safetensors
            values = _safetensors(content, source)
        else:
            values = load_tensors(content, source)
        known = values.pop("pckd_network", None) in (1, VERSION)
        if not known or values.keys() != {entry.name for entry in fields(cls)}:
            raise InputError(f"{source}: is no network that this version of pckd saved")
        network = cls(**values)
        if not isinstance(network.state, dict) or not isinstance(network.class_names, list):
            raise InputError(f"{source}: holds no weights, or no names of classes")
        return network


def _described() -> list[str]:
    """Fields in the metadata of a file."""
    return [entry.name for entry in fields(TrainedNetwork) if entry.name != "state"]


def _safetensors(content: bytes, source: str) -> dict[str, Any]:
    """Decode a network's fields, with its version, from the content of a `.safetensors` file."""
    try:
        state = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        described = {name: json.loads(metadata[name]) for name in _described()}
    except Exception:  # damaged or foreign bytes fail in any way
        raise InputError(
            f"{source}: is a damaged safetensors file, or no network that pckd saved"
        ) from None
    return {"pckd_network": metadata.get("pckd_network"), "state": state, **described}


def load_tensors(content: bytes, source: str) -> dict[str, Any]:
    """Read a mapping that torch.save wrote, if it holds tensors and plain values only.

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
