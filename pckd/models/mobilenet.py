"""MobileNetV2 at half width (Sandler et al. 2018), with RepDistiller's entry names."""

from functools import partial

from torch import Tensor, nn

from pckd.models.layers import (
    conv1x1,
    conv3x3,
    initialise_classifier,
    initialise_convolutions,
    normalised,
    stack,
)
from pckd.models.network import MapList, StagedNetwork

STAGES = (
    # expansion, width, blocks, stride
    (1, 8, 1, 1),
    (6, 12, 2, 1),
    (6, 16, 3, 2),
    (6, 32, 4, 2),
    (6, 48, 3, 1),
    (6, 80, 3, 2),
    (6, 160, 1, 1),
)
SHOWN_STAGES = (1, 2, 4, 6)
STEM_WIDTH = 16
FEATURE_WIDTH = 1280


class InvertedResidual(nn.Module):
    """A pointwise expansion, a depthwise 3x3 convolution and a linear pointwise reduction.

    The input is added where the block keeps the shape.
    """

    def __init__(self, in_width: int, out_width: int, stride: int, *, expansion: int) -> None:
        super().__init__()
        width = in_width * expansion
        self.conv = nn.Sequential(
            *normalised(conv1x1(in_width, width)),
            *normalised(conv3x3(width, width, stride=stride, groups=width)),
            conv1x1(width, out_width),
            nn.BatchNorm2d(out_width),
        )
        self.keeps_shape = stride == 1 and in_width == out_width

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, in_width, H, W]`` to ``[B, out_width, H / stride, W / stride]``."""
        reduced: Tensor = self.conv(maps)
        return maps + reduced if self.keeps_shape else reduced


def _stages() -> nn.ModuleList:
    stages = nn.ModuleList()
    in_width = STEM_WIDTH
    for expansion, width, count, stride in STAGES:
        block = partial(InvertedResidual, expansion=expansion)
        stages.append(stack(block, count, in_width, width, stride))
        in_width = width
    return stages


class MobileNetV2(StagedNetwork):
    """A stem at half size, seven stages of inverted residuals, and a pointwise head.

    RepDistiller's variant: ReLU where the paper has ReLU6, and no dropout.

    Args:
        num_classes: number M of classes.
    """

    classifier_name = "classifier.0"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*normalised(conv3x3(3, STEM_WIDTH, stride=2)))
        self.blocks = _stages()
        self.conv2 = nn.Sequential(*normalised(conv1x1(STAGES[-1][1], FEATURE_WIDTH)))
        self.classifier = nn.Sequential(nn.Linear(FEATURE_WIDTH, num_classes))
        initialise_convolutions(self)
        initialise_classifier(self)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the last stage is widened before pooling.

        The stages are the second, third, fifth and seventh; they are linear, as inverted residuals
        leave them, so their maps before ReLU are the same.
        """
        current = maps.add(self.conv1(images))
        for number, stage in enumerate(self.blocks):
            current = stage(current)
            if number in SHOWN_STAGES:
                maps.add(current)
        widened: Tensor = self.conv2(current)
        return widened


NETWORKS = {
    "mobilenetv2": MobileNetV2,
}
