"""ShuffleNet (Zhang et al. 2018) with three groups, with RepDistiller's entry names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.layers import RectifiedBlock, conv1x1, conv3x3, rectified_stages
from pckd.models.network import MapList, StagedNetwork

GROUPS = 3
STEM_WIDTH = 24


class ShuffleUnit(RectifiedBlock):
    """Grouped 1x1, depthwise 3x3 and grouped 1x1 convolutions around which the input is added.

    The middle convolution has a quarter of the width. What the stem gives is too narrow to be
    grouped.
    """

    def __init__(self, in_width: int, out_width: int, *, stride: int = 1) -> None:
        super().__init__()
        width = out_width // 4
        self.entry_groups = 1 if in_width == STEM_WIDTH else GROUPS
        self.conv1 = conv1x1(in_width, width, groups=self.entry_groups)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride=stride, groups=width)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_width, groups=GROUPS)
        self.bn3 = nn.BatchNorm2d(out_width)

    def before_relu(self, maps: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to maps of the same shape."""
        return self.residual(maps) + maps

    def residual(self, maps: Tensor) -> Tensor:
        """The output of the convolutions, not rectified."""
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = F.channel_shuffle(inner, self.entry_groups)
        inner = F.relu(self.bn2(self.conv2(inner)))
        outer: Tensor = self.bn3(self.conv3(inner))
        return outer


class DownsamplingUnit(ShuffleUnit):
    """A unit at stride 2: the averaged input, concatenated with the output of the convolutions."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__(in_width, out_width - in_width, stride=2)

    def before_relu(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / 2, W / 2]``."""
        averaged = F.avg_pool2d(maps, 3, stride=2, padding=1)
        return torch.cat((self.residual(maps), averaged), dim=1)


def _stage(in_width: int, out_width: int, count: int) -> nn.Sequential:
    units = (ShuffleUnit(out_width, out_width) for _ in range(count - 1))
    return nn.Sequential(DownsamplingUnit(in_width, out_width), *units)


class ShuffleNetV1(StagedNetwork):
    """A pointwise stem and three stages of shuffle units.

    Args:
        num_classes: number M of classes.
    """

    classifier_name = "linear"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv1 = conv1x1(3, STEM_WIDTH)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.layer1 = _stage(STEM_WIDTH, 240, count=4)
        self.layer2 = _stage(240, 480, count=8)
        self.layer3 = _stage(480, 960, count=4)
        self.linear = nn.Linear(960, num_classes)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is pooled."""
        stem = F.relu(self.bn1(self.conv1(images)))
        return rectified_stages(stem, (self.layer1, self.layer2, self.layer3), maps)


NETWORKS = {
    "shufflenetv1": ShuffleNetV1,
}
