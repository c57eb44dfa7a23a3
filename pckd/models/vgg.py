"""VGG with batch normalisation (Simonyan & Zisserman 2015), with RepDistiller's entry names."""

from functools import partial

import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models.layers import initialise_classifier, initialise_convolutions, normalised
from pckd.models.network import MapList, StagedNetwork

WIDTHS = (64, 128, 256, 512, 512)


def _block(in_width: int, out_width: int, count: int) -> nn.Sequential:
    """``count`` normalised 3x3 convolutions, without the last one's ReLU."""
    layers: list[nn.Module] = []
    for width in (in_width, *[out_width] * (count - 1)):
        layers += normalised(nn.Conv2d(width, out_width, 3, padding=1))
    return nn.Sequential(*layers[:-1])


class VGG(StagedNetwork):
    """Five blocks of convolutions, halved in size between them, and one linear layer.

    Args:
        num_classes: number M of classes.
        counts: number of convolutions in each block.
    """

    classifier_name = "classifier"

    def __init__(self, *, num_classes: int, counts: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        self.block0 = _block(3, WIDTHS[0], counts[0])
        self.block1 = _block(WIDTHS[0], WIDTHS[1], counts[1])
        self.block2 = _block(WIDTHS[1], WIDTHS[2], counts[2])
        self.block3 = _block(WIDTHS[2], WIDTHS[3], counts[3])
        self.block4 = _block(WIDTHS[3], WIDTHS[4], counts[4])
        self.classifier = nn.Linear(WIDTHS[4], num_classes)
        initialise_convolutions(self)
        initialise_classifier(self)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """See ``StagedNetwork``; the first block is the stem, the last one is pooled.

        The maps are halved after each of the first three blocks, and after the fourth only where
        the images are 64 pixels high, as in RepDistiller.
        """
        current = maps.add(F.relu(self.block0(images)))
        for block in (self.block1, self.block2, self.block3):
            current = maps.add_rectified(block(F.max_pool2d(current, 2)))
        return maps.add_rectified(self.block4(_halved_if_large(current, images)))


@torch.fx.wrap
def _halved_if_large(maps: Tensor, images: Tensor) -> Tensor:
    """Halve the maps where the images are 64 pixels high; one opaque step to torch.fx."""
    return F.max_pool2d(maps, 2) if images.shape[-2] == 64 else maps


NETWORKS = {
    "vgg8": partial(VGG, counts=(1, 1, 1, 1, 1)),
    "vgg11": partial(VGG, counts=(1, 1, 2, 2, 2)),
    "vgg13": partial(VGG, counts=(2, 2, 2, 2, 2)),
    "vgg16": partial(VGG, counts=(2, 2, 3, 3, 3)),
    "vgg19": partial(VGG, counts=(2, 2, 4, 4, 4)),
}
