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


def model_info(name: str, num_classes: int | None = None) -> ModelInfo:
    """Describe a network; torch's global generator stays as it was.

    Args:
        name: any spelling that ``canonical_name`` knows.
        num_classes: number M of classes that it is to tell apart; by default as many as its
            images have where it was published: 100, or 1000 for torchvision's networks.

    Raises:
        InputError: the name is not known, or there is no class to tell.
    """
    canonical = canonical_name(name)
    size, published_classes = (224, 1000) if canonical.startswith(TORCHVISION) else (32, 100)
    classes = published_classes if num_classes is None else num_classes
    with torch.device("meta"):  # shapes only: no weight is drawn, no number computed
        network = create_model(name, num_classes=classes).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, size, size))
    return ModelInfo(
        name=canonical,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=counter.get_total_flops(),
        feature_width=network.feature_width,
        image_size=size,
    )
