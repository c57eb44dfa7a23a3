"""The pieces that the network families share."""

from collections.abc import Callable

from torch import Tensor, nn

from pckd.models.network import Network


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


def chain(stem: Tensor, *stages: nn.Module) -> tuple[Tensor, ...]:
    """The stem's map ``[B, C_0, H_0, W_0]`` and then each stage's, every one fed to the next."""
    maps = [stem]
    for stage in stages:
        maps.append(stage(maps[-1]))
    return tuple(maps)


def initialise_convolutions(network: Network) -> None:
    """Draw every convolution from He's normal distribution with fan-out; zero its bias.

    He et al. 2015, as in RepDistiller. Batch normalisations keep PyTorch's scale 1 and shift 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_classifier(network: Network) -> None:
    """Draw the classifier's weight with standard deviation 0.01 and zero its bias."""
    nn.init.normal_(network.classifier_layer.weight, std=0.01)
    nn.init.zeros_(network.classifier_layer.bias)
