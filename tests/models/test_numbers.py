"""Every CIFAR network's numbers against those of RepDistiller's classes.

The peers' classes were filled with the weights of `filled`, run in double precision on the images
of `wave`, in eval and in train mode; the numbers below came out.
"""

import math

import pytest
import torch
from torch import Tensor

from pckd.models import Outputs, create_model

# For eval and then for train mode: one logit, the mean square of all logits, and the sum over the
# stages of their mean squares.
REFERENCE = {
    "resnet8": (-0.28433161, 0.76232198, 2.5339351, -0.060226146, 0.74695312, 4.3680112),
    "resnet14": (1.5344403, 5.3942433, 9.9896141, -0.10203535, 1.0043391, 7.5786059),
    "resnet20": (-2.7253881, 41.878101, 52.312476, 0.0633285, 2.8847431, 12.363566),
    "resnet32": (-44.304988, 2451.7554, 3750.8076, -0.08128757, 7.7402536, 22.713889),
    "resnet44": (-72.923592, 25271.266, 28192.95, 0.69304417, 9.4587554, 34.967965),
    "resnet56": (-410.17489, 113516.4, 135202.2, -1.3431845, 11.851207, 48.49806),
    "resnet110": (-1084769.2, 3.972125e12, 4.2203351e12, -0.15105303, 30.203156, 146.25764),
    "resnet8x4": (1.0660277, 0.47918937, 1.821899, 0.36852104, 0.82267058, 4.0796896),
    "resnet32x4": (43.113776, 887.37115, 1965.4269, -0.014937233, 8.4746672, 21.231436),
    "resnet50": (-3.1170781, 120.32478, 128.24798, -1.8713887, 32.531559, 16.831696),
    "wrn_16_1": (-0.13108029, 0.33682295, 6.8922799, -0.1089611, 0.11390357, 7.0988054),
    "wrn_16_2": (-0.92292158, 0.58865552, 3.2741781, -0.62233958, 0.25437731, 6.8846906),
    "wrn_40_1": (-18.984922, 562.63308, 3341.7632, -0.051999042, 0.18684643, 24.058602),
    "wrn_40_2": (-5.5140318, 2745.1479, 9081.4265, -0.45730816, 0.29161151, 24.0609),
    "vgg8": (-2.93988, 7.1335205, 10.574539, -0.95782397, 0.24064005, 2.8168539),
    "vgg11": (0.14276322, 0.89591819, 5.7314277, 0.46294696, 0.43683738, 2.7615884),
    "vgg13": (0.32683307, 1.8419563, 3.1453408, 0.5818457, 0.31929755, 2.8017815),
    "vgg16": (-1.3845031, 6.7250086, 3.4260447, -0.70393181, 0.20687494, 2.8390375),
    "vgg19": (-0.3482269, 0.73345382, 2.8028629, -0.023284444, 0.43448632, 2.8014129),
    "mobilenetv2": (0.21922006, 1.0982986, 4.2588092, -0.57483371, 0.47826888, 10.916019),
    "shufflenetv1": (-2.3517197, 45.467375, 44.715024, -2.4214903, 23.773067, 17.123039),
    "shufflenetv2": (0.53892719, 0.49713658, 1.1554181, 0.53148263, 0.40510132, 2.2527233),
}


def wave(shape: tuple[int, ...], phase: float) -> Tensor:
    """Values in -1 to 1 that look like noise and are the same on every machine."""
    index = torch.arange(math.prod(shape), dtype=torch.float64) % 9973
    return torch.sin(1.7 * index + 0.013 * index**2 + phase).reshape(shape)


def filled(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the same names and shapes, every value different from its default."""
    return {name: _value(name, tensor, phase) for phase, (name, tensor) in enumerate(state.items())}


def _value(name: str, tensor: Tensor, phase: int) -> Tensor:
    noise = wave(tuple(tensor.shape), phase)
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if tensor.ndim > 1:
        return noise * math.sqrt(2 / tensor[0].numel())
    return 0.3 * noise + (1 if name.endswith(("running_var", "weight")) else 0)


def digest(outputs: Outputs) -> list[float]:
    stages = sum(stage.square().mean().item() for stage in outputs.stages)
    return [outputs.logits[1, 3].item(), outputs.logits.square().mean().item(), stages]


@pytest.mark.parametrize("name", REFERENCE)
@torch.no_grad()
def test_numbers_are_those_of_the_peers(name: str) -> None:
    network = create_model(name, num_classes=10).double()
    network.load_state_dict(filled(network.state_dict()))
    images = wave((2, 3, 32, 32), 0.5)
    numbers = digest(network.eval()(images)) + digest(network.train()(images))
    assert numbers == pytest.approx(REFERENCE[name], rel=1e-5)
