"""Wide residual networks (Zagoruyko & Komodakis 2016), with RepDistiller's entry names."""

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.layers import conv1x1, conv3x3, initialise_convolutions, stack
from pckd.models.network import MapList, StagedNetwork


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each after its normalisation and ReLU, around which the input is added.

    Where the width changes, a projection of the activated input is added instead.
    """

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_width)
        self.conv1 = conv3x3(in_width, out_width, stride=stride)
        self.bn2 = nn.BatchNorm2d(out_width)
        self.conv2 = conv3x3(out_width, out_width)
        self.convShortcut = (
            None if in_width == out_width else conv1x1(in_width, out_width, stride=stride)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / stride, W / stride]``, not activated."""
        return self.add_residual(maps, F.relu(self.bn1(maps)))

    def add_residual(self, maps: Tensor, activated: Tensor) -> Tensor:
        """The rest of ``forward``, from its input and that input normalised and activated."""
        residual: Tensor = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        shortcut = maps if self.convShortcut is None else self.convShortcut(activated)
        return shortcut + residual


def _stage(count: int, in_width: int, out_width: int, stride: int) -> nn.Sequential:
    blocks = stack(PreActivationBlock, count, in_width, out_width, stride)
    return nn.Sequential(OrderedDict(layer=blocks))


class WideResNet(StagedNetwork):
    """A stem and three stages of pre-activation blocks, normalised once more before pooling.

    Args:
        num_classes: number M of classes.
        depth: number of layers with weights, 6n + 4 for n blocks a stage.
        widening: the stages have 16, 32 and 64 times as many channels.
    """

    classifier_name = "fc"

    def __init__(self, *, num_classes: int, depth: int, widening: int) -> None:
        super().__init__()
        count = (depth - 4) // 6
        self.conv1 = conv3x3(3, 16)
        self.block1 = _stage(count, 16, 16 * widening, stride=1)
        self.block2 = _stage(count, 16 * widening, 32 * widening, stride=2)
        self.block3 = _stage(count, 32 * widening, 64 * widening, stride=2)
        self.bn1 = nn.BatchNorm2d(64 * widening)
        self.fc = nn.Linear(64 * widening, num_classes)
        initialise_convolutions(self)
        nn.init.zeros_(self.fc.bias)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is normalised and activated before pooling.

        Each batch normalisation runs once: RepDistiller runs those after a stage a second time
        for the map before ReLU, which updates their running statistics twice a step.
        """
        current = self.block1(maps.add(self.conv1(images)))
        for stage in (self.block2, self.block3):
            first, *others = stage.get_submodule("layer").children()
            assert isinstance(first, PreActivationBlock)
            current = first.add_residual(current, _activated(current, first.bn1, maps))
            for block in others:
                current = block(current)
        return _activated(current, self.bn1, maps)


def _activated(stage: Tensor, normalisation: nn.Module, maps: MapList) -> Tensor:
    """Normalise and rectify a stage's map; add the map and its normalised form to the list."""
    normalised = normalisation(stage)
    maps.add(stage, normalised)
    return F.relu(normalised)


NETWORKS = {
    "wrn_16_1": partial(WideResNet, depth=16, widening=1),
    "wrn_16_2": partial(WideResNet, depth=16, widening=2),
    "wrn_40_1": partial(WideResNet, depth=40, widening=1),
    "wrn_40_2": partial(WideResNet, depth=40, widening=2),
}
