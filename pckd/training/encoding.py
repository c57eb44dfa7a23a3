"""Outputs of a network for all rotated copies of a batch, as terms see them."""

import torch
from torch import Tensor

from pckd.method import Needs, Side
from pckd.models import Network, Outputs


def encode(network: Network, views: Tensor, needs: Needs, strong: Tensor | None = None) -> Side:
    """Features and logits of all copies of all images, and the stage maps that are needed.

    Args:
        network: The student.
        views: [B, K, 3, H, W].
        needs: What the run's terms need of it.
        strong: Strong views, [B, 1, 3, H, W], which get a forward pass of their own; or None.
    """
    side = _of_plain_views(network, views, needs)
    if strong is None:
        return side
    return side._replace(strong_logits=_of_plain_views(network, strong, Needs()).logits)


def _of_plain_views(network: Network, views: Tensor, needs: Needs) -> Side:
    outputs = network(views.flatten(0, 1).contiguous(memory_format=torch.channels_last))
    layer = network.classifier_layer
    shape = views.shape[:2]
    side = Side(
        outputs.features.unflatten(0, shape),
        outputs.logits.unflatten(0, shape),
        layer.weight,
        layer.bias,
    )
    return with_maps(side, outputs, views, needs)


def with_maps(side: Side, outputs: Outputs, views: Tensor, needs: Needs) -> Side:
    """The side with the stage maps that are needed, each [B, K, C, H, W]."""
    if needs.maps:
        side = side._replace(maps=_by_image(outputs.stages, views))
    if needs.maps_before_relu:
        side = side._replace(maps_before_relu=_by_image(outputs.before_relu, views))
    return side


def _by_image(maps: tuple[Tensor, ...], views: Tensor) -> tuple[Tensor, ...]:
    return tuple(each.unflatten(0, views.shape[:2]) for each in maps)
