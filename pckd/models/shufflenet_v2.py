"""ShuffleNetV2 at width 1 (Ma et al. 2018), with RepDistiller's entry names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.layers import conv1x1, conv3x3
from pckd.models.network import MapList, StagedNetwork

STEM_WIDTH = 24


class SplitUnit(nn.Module):
    """Half of the channels pass, half go through 1x1, depthwise 3x3 and 1x1 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = conv1x1(half, half)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = conv3x3(half, half, groups=half)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = conv1x1(half, half)
        self.bn3 = nn.BatchNorm2d(half)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``[B, C, H, W]`` to maps of the same shape."""
        passing, working = self.halves(maps)
        return _shuffled(passing, F.relu(working))

    def halves(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The half ``[B, C / 2, H, W]`` that passes, and the other one before its last ReLU."""
        passing, working = maps.chunk(2, dim=1)
        working = F.relu(self.bn1(self.conv1(working)))
        working = self.bn2(self.conv2(working))
        return passing, self.bn3(self.conv3(working))


class DownsamplingUnit(nn.Module):
    """Two branches at stride 2, each giving half of the channels."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        half = out_width // 2
        self.conv1 = conv3x3(in_width, in_width, stride=2, groups=in_width)
        self.bn1 = nn.BatchNorm2d(in_width)
        self.conv2 = conv1x1(in_width, half)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = conv1x1(in_width, half)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv4 = conv3x3(half, half, stride=2, groups=half)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = conv1x1(half, half)
        self.bn5 = nn.BatchNorm2d(half)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / 2, W / 2]``."""
        short = self.bn1(self.conv1(maps))
        short = F.relu(self.bn2(self.conv2(short)))
        long = F.relu(self.bn3(self.conv3(maps)))
        long = self.bn4(self.conv4(long))
        long = F.relu(self.bn5(self.conv5(long)))
        return _shuffled(short, long)


def _shuffled(first: Tensor, second: Tensor) -> Tensor:
    """Two halves as one map in which their channels alternate."""
    return F.channel_shuffle(torch.cat((first, second), dim=1), groups=2)


def _stage(in_width: int, out_width: int, count: int) -> nn.Sequential:
    units = (SplitUnit(out_width) for _ in range(count - 1))
    return nn.Sequential(DownsamplingUnit(in_width, out_width), *units)


class ShuffleNetV2(StagedNetwork):
    """A pointwise stem, three stages of split units, and a pointwise head.

    Args:
        num_classes: number M of classes.
    """

    classifier_name = "linear"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv1 = conv1x1(3, STEM_WIDTH)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.layer1 = _stage(STEM_WIDTH, 116, count=4)
        self.layer2 = _stage(116, 232, count=8)
        self.layer3 = _stage(232, 464, count=4)
        self.conv2 = conv1x1(464, 1024)
        self.bn2 = nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, num_classes)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is widened before pooling."""
        current = maps.add(F.relu(self.bn1(self.conv1(images))))
        for stage in (self.layer1, self.layer2, self.layer3):
            *inner, last = stage
            for unit in inner:
                current = unit(current)
            assert isinstance(last, SplitUnit)
            current = _add_stage(last.halves(current), maps)
        return F.relu(self.bn2(self.conv2(current)))


def _add_stage(halves: tuple[Tensor, Tensor], maps: MapList) -> Tensor:
    """Finish the last unit of a stage: rectify its second half, shuffle, and add to the list."""
    passing, working = halves
    before_relu = _shuffled(passing, working) if maps.shows_before_relu else None
    return maps.add(_shuffled(passing, F.relu(working)), before_relu)


NETWORKS = {
    "shufflenetv2": ShuffleNetV2,
}
