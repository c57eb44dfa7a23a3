"""The body of a network: the layers that its stage maps depend on."""

from copy import deepcopy

import torch

from pckd.models.network import Network


def body_parameters(network: Network, image_size: tuple[int, int]) -> set[str]:
    """Names of the parameters on which the stage maps depend; the network stays as it is.

    The classifier is not among them, nor is what stands between the last stage and the pooling,
    such as the last normalisation of a wide ResNet.

    Args:
        network: a network on any device.
        image_size: height and width of the images in pixels.
    """
    copy = deepcopy(network).to("meta").eval().requires_grad_(True)
    maps = copy(torch.empty(1, 3, *image_size, device="meta")).stages
    names, parameters = zip(*copy.named_parameters(), strict=True)
    total = torch.stack([each.sum() for each in maps]).sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return {name for name, each in zip(names, gradients, strict=True) if each is not None}
