"""The kit for networks: every built-in network passes, and each check finds its fault."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pckd.models import MapList, Outputs, StagedNetwork, list_models, names
from pckd.testing import NetworkError, check_network

TORCHVISION = (
    "torchvision/resnet18",
    "torchvision/regnet_y_400mf",
    "torchvision/mobilenet_v2",
)


@pytest.mark.parametrize("name", [*list_models("[!t]*"), *TORCHVISION])
def test_every_network_passes(name: str) -> None:
    check_network(name, image_sizes=((32, 32),))


class Tiny(StagedNetwork):
    """A network of a user's own."""

    classifier_name = "fc"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, num_classes)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        stem = maps.add(F.relu(self.bn1(self.conv1(images))))
        return maps.add_rectified(self.bn2(self.conv2(stem)))


def test_a_network_of_a_users_own_passes() -> None:
    check_network(Tiny)


class NormalisedTwice(Tiny):
    def body(self, images: Tensor, maps: MapList) -> Tensor:
        stem = maps.add(F.relu(self.bn1(self.conv1(images))))
        last = F.relu(self.bn2(self.conv2(stem)))
        before = self.bn2(self.conv2(stem)) if maps.shows_before_relu else None
        return maps.add(last, before)


class Eager(Tiny):
    def forward(self, images: Tensor) -> Outputs:
        outputs = super().forward(images)
        return outputs._replace(before_relu=outputs.stages)


class Secretive(Tiny):
    def body(self, images: Tensor, maps: MapList) -> Tensor:
        stem = F.relu(self.bn1(self.conv1(images)))
        return maps.add_rectified(self.bn2(self.conv2(stem)))


class Idle(Tiny):
    def __init__(self, *, num_classes: int) -> None:
        super().__init__(num_classes=num_classes)
        self.spare = nn.Linear(2, 2)


class Forgetful(Tiny):
    def __init__(self, *, num_classes: int) -> None:
        super().__init__(num_classes=num_classes)
        self.scale = torch.rand(()) + 1  # no buffer

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        return super().body(images * self.scale.to(images.device), maps)


class Unseeded(Tiny):
    def __init__(self, *, num_classes: int) -> None:
        super().__init__(num_classes=num_classes)
        nn.init.normal_(self.fc.weight, generator=torch.Generator().manual_seed(torch.seed()))


class Rescaled(Tiny):
    def forward(self, images: Tensor) -> Outputs:
        outputs = super().forward(images)
        return outputs._replace(logits=2 * outputs.logits)


class Branching(Tiny):
    def body(self, images: Tensor, maps: MapList) -> Tensor:
        flips = isinstance(images, torch.fx.Proxy)
        return super().body(-images if flips else images, maps)


class Unbiased(Tiny):
    def __init__(self, *, num_classes: int) -> None:
        super().__init__(num_classes=num_classes)
        self.fc = nn.Linear(8, num_classes, bias=False)


class Misnamed(Tiny):
    classifier_name = "head"


class Untraceable(Tiny):
    def forward(self, images: Tensor) -> Outputs:
        return super().forward(torch.stack(list(images)))


@pytest.mark.parametrize(
    ("network", "fault"),
    [
        (NormalisedTwice, "changes running statistics"),
        (Eager, "given to those who do not ask"),
        (Secretive, "must hold a stem's map and a stage's"),
        (Idle, r"parameter 'spare\.weight' gets no gradient"),
        (Forgetful, "filled with its state dict gives other outputs"),
        (Unseeded, "one seed of torch's global generator"),
        (Rescaled, "logits are not what the layer 'fc' gives"),
        (Branching, "follows it to other outputs"),
        (Unbiased, "classifier has no bias"),
        (Misnamed, "while checking that outputs fit together: AttributeError: "),
        (Untraceable, "torch.fx cannot follow it .*: mend forward, or set traceable = False"),
    ],
)
def test_a_fault_is_found(network: Callable[..., Tiny], fault: str) -> None:
    with pytest.raises(NetworkError, match=fault):
        check_network(network)


def test_the_global_generator_stays_as_it_was() -> None:
    before = torch.get_rng_state()
    check_network(Tiny)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_network_of_the_documentation_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_registered", {})
    page = Path(__file__).parents[2] / "docs" / "networks.md"
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec("\n".join(code), {"__name__": "plugin"})
    assert list_models("tiny") == ["tiny"]
