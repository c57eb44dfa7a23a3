"""The pieces that the network families share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.network import MapList, Network


def conv1x1(in_width: int, out_width: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A pointwise convolution without bias."""
    return nn.Conv2d(in_width, out_width, 1, stride=stride, groups=groups, bias=False)


def conv3x3(in_width: int, out_width: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the map's size at stride 1."""
    return nn.Conv2d(in_width, out_width, 3, stride=stride, padding=1, groups=groups, bias=False)


def normalised(convolution: nn.Conv2d) -> list[nn.Module]:
    """A convolution with the batch normalisation and the ReLU that follow it."""
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]


def stack(
    block: Callable[[int, int, int], nn.Module],
    count: int,
    in_width: int,
    out_width: int,
    stride: int,
) -> nn.Sequential:
    """One stage: ``count`` blocks, of which the first changes the width and the size.

    Args:
        block: makes one block from its input width, output width and stride.
        count: number of blocks, at least one.
        in_width: channels that enter the stage.
        out_width: channels that leave each block.
        stride: stride of the first block; the others have 1.
    """
    first = block(in_width, out_width, stride)
    return nn.Sequential(first, *(block(out_width, out_width, 1) for _ in range(count - 1)))


class RectifiedBlock(nn.Module, ABC):
    """A block whose last step is a ReLU."""

    @abstractmethod
    def before_relu(self, maps: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to maps ``[B, C', H', W']`` that are not yet rectified."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to rectified maps ``[B, C', H', W']``."""
        return F.relu(self.before_relu(maps))


def rectified_stages(stem: Tensor, stages: Iterable[nn.Sequential], maps: MapList) -> Tensor:
    """Feed the stem's map through stages of rectified blocks.

    Args:
        stem: ``[B, C_0, H_0, W_0]``.
        stages: each made of rectified blocks.
        maps: receives the stem's map and each stage's.

    Returns:
        The last stage's map.
    """
    current = maps.add(stem)
    for stage in stages:
        *inner, last = stage
        for block in inner:
            current = block(current)
        assert isinstance(last, RectifiedBlock)
        current = maps.add_rectified(last.before_relu(current))
    return current


def initialise_convolutions(network: Network) -> None:
    """Draw every convolution from He's normal distribution with fan-out; zero its bias.

    He et al. 2015, as in RepDistiller. Batch normalisations keep PyTorch's scale 1 and shift 0.
    """
    if _has_no_weights(network):
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_classifier(network: Network) -> None:
    """Draw the classifier's weight with standard deviation 0.01 and zero its bias."""
    if _has_no_weights(network):
        return
    nn.init.normal_(network.classifier_layer.weight, std=0.01)
    nn.init.zeros_(network.classifier_layer.bias)


def _has_no_weights(network: Network) -> bool:
    """Return whether the network has no weights: drawing them would import PyTorch's compiler."""
    return network.classifier_layer.weight.is_meta
