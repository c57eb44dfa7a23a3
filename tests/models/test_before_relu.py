"""Maps before ReLU: where they stand, and that asking for them changes nothing else."""

from copy import deepcopy
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torchvision.models.resnet import BasicBlock

from pckd.models import Network, Outputs, create_model

RECTIFIED = ("resnet8", "resnet50", "vgg8", "shufflenetv1", "shufflenetv2")
FAMILIES = (*RECTIFIED, "wrn_16_2", "mobilenetv2")
TORCHVISION = (
    "torchvision/resnet18",
    "torchvision/regnet_y_400mf",
    "torchvision/mobilenet_v2",
)


def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def asked(network: Network) -> Network:
    copy = deepcopy(network)
    copy.shows_before_relu = True
    return copy


class Step(NamedTuple):
    outputs: Outputs
    gradients: list[Tensor | None]
    state: dict[str, Tensor]


def training_step(network: Network) -> Step:
    """A forward and a backward pass in training mode, through the features and every stage."""
    torch.manual_seed(0)  # of dropout
    outputs = network.train()(images())
    loss = outputs.logits.square().mean() + sum(stage.mean() for stage in outputs.stages)
    torch.autograd.backward(loss)
    return Step(outputs, [weight.grad for weight in network.parameters()], network.state_dict())


def identical(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one, other)


@pytest.mark.parametrize("name", [*FAMILIES, *TORCHVISION])
def test_asking_moves_no_bit_of_outputs_gradients_and_statistics(name: str) -> None:
    network = create_model(name, num_classes=5)
    plain, shown = training_step(deepcopy(network)), training_step(asked(network))
    assert torch.equal(plain.outputs.logits, shown.outputs.logits)
    assert torch.equal(plain.outputs.features, shown.outputs.features)
    assert all(map(torch.equal, plain.outputs.stages, shown.outputs.stages))
    assert all(map(identical, plain.gradients, shown.gradients))
    assert list(plain.state) == list(shown.state)
    assert all(map(torch.equal, plain.state.values(), shown.state.values()))


@pytest.mark.parametrize("name", [*FAMILIES, *TORCHVISION])
def test_nobody_who_does_not_ask_is_given_maps_before_relu(name: str) -> None:
    network = create_model(name, num_classes=5).eval()
    plain, shown = network(images()), asked(network)(images())
    assert plain.before_relu == ()
    shapes = [stage.shape for stage in plain.stages]
    assert [before.shape for before in shown.before_relu] == shapes
    assert torch.equal(shown.before_relu[0], plain.stages[0])


@pytest.mark.parametrize("name", [*RECTIFIED, "torchvision/resnet18"])
def test_stages_are_the_rectified_maps(name: str) -> None:
    outputs = asked(create_model(name, num_classes=5))(images())
    for stage, before in zip(outputs.stages, outputs.before_relu, strict=True):
        assert torch.equal(stage, F.relu(before))
    assert all(before.min() < 0 for before in outputs.before_relu[1:])


def test_a_wide_resnets_stage_is_seen_through_the_batch_normalisation_after_it() -> None:
    network = asked(create_model("wrn_16_2", num_classes=5)).eval()
    outputs = network(images())
    following = ("block2.layer.0.bn1", "block3.layer.0.bn1", "bn1")
    for path, stage, before in zip(
        following, outputs.stages[1:], outputs.before_relu[1:], strict=True
    ):
        assert torch.equal(network.get_submodule(path)(stage), before)
    pooled = F.relu(outputs.before_relu[-1]).mean(dim=(2, 3))
    assert torch.equal(pooled, outputs.features)


def test_mobilenets_stages_are_linear() -> None:
    outputs = asked(create_model("mobilenetv2", num_classes=5))(images())
    assert all(map(torch.equal, outputs.stages, outputs.before_relu))


def test_torchvisions_last_block_is_seen_before_its_last_relu() -> None:
    network = asked(create_model("torchvision/resnet18", num_classes=5)).eval()
    outputs = network(images())
    entering = network.get_submodule("layer4.0")(outputs.stages[3])
    block = network.get_submodule("layer4.1")
    assert isinstance(block, BasicBlock)
    inner = F.relu(block.bn1(block.conv1(entering)))
    torch.testing.assert_close(block.bn2(block.conv2(inner)) + entering, outputs.before_relu[4])


@pytest.mark.parametrize("name", [*FAMILIES, "torchvision/resnet18"])
def test_statistics_are_updated_once_a_step(name: str) -> None:
    network = asked(create_model(name, num_classes=5))
    training_step(network)
    counts = {
        path: int(module.num_batches_tracked)
        for path, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d) and module.num_batches_tracked is not None
    }
    assert counts and set(counts.values()) == {1}


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_flow_through_the_maps_before_relu(name: str) -> None:
    network = asked(create_model(name, num_classes=5))
    torch.autograd.backward([maps.square().mean() for maps in network(images()).before_relu])
    stem = next(network.parameters()).grad
    assert stem is not None and stem.abs().sum() > 0


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_fx_follows_both_ways_of_computing(name: str) -> None:
    network = create_model(name, num_classes=5).eval()
    for way in (network, asked(network)):
        traced, direct = symbolic_trace(way)(images()), way(images())
        assert torch.equal(traced.logits, direct.logits)
        assert len(traced.before_relu) == len(direct.before_relu)
        assert all(map(torch.equal, traced.before_relu, direct.before_relu))
