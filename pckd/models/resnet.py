"""Residual networks for 32x32 images (He et al. 2016), with RepDistiller's entry names."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.layers import (
    RectifiedBlock,
    conv1x1,
    conv3x3,
    initialise_convolutions,
    rectified_stages,
    stack,
)
from pckd.models.network import MapList, StagedNetwork

NARROW = (16, 16, 32, 64)
WIDE = (32, 64, 128, 256)


def _projection(in_width: int, out_width: int, stride: int) -> nn.Module:
    """The shortcut around a block: a projection where the shape changes, else the identity."""
    if stride == 1 and in_width == out_width:
        return nn.Identity()
    return nn.Sequential(conv1x1(in_width, out_width, stride=stride), nn.BatchNorm2d(out_width))


class BasicBlock(RectifiedBlock):
    """Two 3x3 convolutions around which the input is added, then a ReLU."""

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_width, out_width, stride=stride)
        self.bn1 = nn.BatchNorm2d(out_width)
        self.conv2 = conv3x3(out_width, out_width)
        self.bn2 = nn.BatchNorm2d(out_width)
        self.downsample = _projection(in_width, out_width, stride)

    def before_relu(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / stride, W / stride]``."""
        residual = F.relu(self.bn1(self.conv1(maps)))
        total: Tensor = self.bn2(self.conv2(residual)) + self.downsample(maps)
        return total


class Bottleneck(RectifiedBlock):
    """1x1, 3x3 and 1x1 convolutions, the middle one at a quarter of the width."""

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        width = out_width // 4
        self.conv1 = conv1x1(in_width, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_width)
        self.bn3 = nn.BatchNorm2d(out_width)
        self.shortcut = _projection(in_width, out_width, stride)

    def before_relu(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / stride, W / stride]``."""
        residual = F.relu(self.bn1(self.conv1(maps)))
        residual = F.relu(self.bn2(self.conv2(residual)))
        total: Tensor = self.bn3(self.conv3(residual)) + self.shortcut(maps)
        return total


class ResNet(StagedNetwork):
    """A stem and three stages of basic blocks.

    Args:
        num_classes: number M of classes.
        depth: number of layers with weights, 6n + 2 for n blocks a stage.
        widths: channels of the stem and of the three stages.
    """

    classifier_name = "fc"

    def __init__(self, *, num_classes: int, depth: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        count = (depth - 2) // 6
        self.conv1 = conv3x3(3, widths[0])
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = stack(BasicBlock, count, widths[0], widths[1], stride=1)
        self.layer2 = stack(BasicBlock, count, widths[1], widths[2], stride=2)
        self.layer3 = stack(BasicBlock, count, widths[2], widths[3], stride=2)
        self.fc = nn.Linear(widths[3], num_classes)
        initialise_convolutions(self)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is pooled."""
        stem = F.relu(self.bn1(self.conv1(images)))
        return rectified_stages(stem, (self.layer1, self.layer2, self.layer3), maps)


class ResNet50(StagedNetwork):
    """The 50-layer bottleneck network with a stem that keeps small images at their size.

    Args:
        num_classes: number M of classes.
    """

    classifier_name = "linear"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(3, 64)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stack(Bottleneck, 3, 64, 256, stride=1)
        self.layer2 = stack(Bottleneck, 4, 256, 512, stride=2)
        self.layer3 = stack(Bottleneck, 6, 512, 1024, stride=2)
        self.layer4 = stack(Bottleneck, 3, 1024, 2048, stride=2)
        self.linear = nn.Linear(2048, num_classes)
        initialise_convolutions(self)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is pooled."""
        stem = F.relu(self.bn1(self.conv1(images)))
        stages = (self.layer1, self.layer2, self.layer3, self.layer4)
        return rectified_stages(stem, stages, maps)


NETWORKS = {
    "resnet8": partial(ResNet, depth=8, widths=NARROW),
    "resnet14": partial(ResNet, depth=14, widths=NARROW),
    "resnet20": partial(ResNet, depth=20, widths=NARROW),
    "resnet32": partial(ResNet, depth=32, widths=NARROW),
    "resnet44": partial(ResNet, depth=44, widths=NARROW),
    "resnet56": partial(ResNet, depth=56, widths=NARROW),
    "resnet110": partial(ResNet, depth=110, widths=NARROW),
    "resnet8x4": partial(ResNet, depth=8, widths=WIDE),
    "resnet32x4": partial(ResNet, depth=32, widths=WIDE),
    "resnet50": ResNet50,
}
