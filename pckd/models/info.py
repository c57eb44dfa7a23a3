"""What a network costs, without computing a number of its output."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from pckd.models.factory import TORCHVISION, canonical_name, create_model


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """A network's size and cost."""

    name: str
    """Canonical name."""
    parameters: int
    """Number of trainable values; batch normalisation's running statistics are not counted."""
    flops: int
    """Floating-point operations of one forward pass of one image of the nominal size.

    Each multiply-add of a convolution or a linear layer counts as 2; the rest is not counted.
    """
    feature_width: int
    """Width d of the penultimate features."""
    image_size: int
    """Nominal height and width of the images: 32, or 224 for torchvision's networks."""


def model_info(name: str, num_classes: int = 100) -> ModelInfo:
    """Describe a network; torch's global generator stays as it was.

    Args:
        name: any spelling that ``canonical_name`` knows.
        num_classes: number M of classes that it is to tell apart.

    Raises:
        InputError: the name is not known, or there is no class to tell.
    """
    canonical = canonical_name(name)
    with torch.random.fork_rng(devices=()):
        network = create_model(name, num_classes=num_classes).to("meta").eval()
    size = 224 if canonical.startswith(TORCHVISION) else 32
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    return ModelInfo(
        name=canonical,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=counter.get_total_flops(),
        feature_width=network.feature_width,
        image_size=size,
    )
