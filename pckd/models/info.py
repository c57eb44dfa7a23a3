"""A network's size, cost and output shapes, from a forward pass that computes no numbers."""

from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pckd.models.factory import create_model
from pckd.models.names import canonical_name, library_of
from pckd.models.network import Network

MapShape = tuple[int, int, int]
"""Channels, height and width."""


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
    """Nominal height and width of the images: 32, or the size for which a library made the network.
    """


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
    size, published_classes = 32, 100
    if library := library_of(canonical):
        size = import_module(library).image_size(canonical.partition("/")[2])
        published_classes = 1000
    classes = published_classes if num_classes is None else num_classes
    network = outline(canonical, num_classes=classes).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    return ModelInfo(
        name=canonical,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=counter.get_total_flops(),
        feature_width=network.feature_width,
        image_size=size,
    )


def outline(name: str, *, num_classes: int) -> Network:
    """Make a network on the meta device: shapes only, no weight is drawn and none takes memory.

    Args:
        name: any spelling that ``canonical_name`` knows.
        num_classes: number M of classes.

    Raises:
        InputError: the name is not known, or there is no class to tell.
    """
    with torch.device("meta"):
        return create_model(name, num_classes=num_classes)


class OutputShapes(NamedTuple):
    """Sizes of a network's outputs for images of one size."""

    width: int
    """d, of the penultimate features."""
    num_classes: int
    """M, of the logits."""
    maps: tuple[MapShape, ...]
    """``Outputs.stages``, one image."""
    maps_before_relu: tuple[MapShape, ...]
    """``Outputs.before_relu``, one image."""


def output_shapes(network: Network, image_size: tuple[int, int]) -> OutputShapes:
    """Measure the shapes of a network's outputs; the network does not change.

    Args:
        network: a network on any device; ``outline`` makes one that costs nothing.
        image_size: height and width of the images in pixels.
    """
    copy = deepcopy(network).to("meta").eval()
    copy.shows_before_relu = True
    _remove_normalisations(copy)
    outputs = copy(torch.empty(1, 3, *image_size, device="meta"))
    return OutputShapes(
        width=outputs.features.shape[1],
        num_classes=outputs.logits.shape[1],
        maps=_shapes(outputs.stages),
        maps_before_relu=_shapes(outputs.before_relu),
    )


def _remove_normalisations(network: nn.Module) -> None:
    """Take out every BatchNorm: it changes no shape, and is slow on the meta device.

    There it first imports PyTorch's compiler, which takes seconds.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                module.add_module(name, nn.Identity())


def _shapes(maps: tuple[Tensor, ...]) -> tuple[MapShape, ...]:
    return tuple((one.shape[1], one.shape[2], one.shape[3]) for one in maps)
