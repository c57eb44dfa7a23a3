"""Positions of the maps before ReLU; `check_network` tests that asking for them is free."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.resnet import BasicBlock

from pckd.models import Network, create_model

RECTIFIED = ("resnet8", "resnet50", "vgg8", "shufflenetv1", "shufflenetv2")
FAMILIES = (*RECTIFIED, "wrn_16_2", "mobilenetv2")


def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def asked(network: Network) -> Network:
    copy = deepcopy(network)
    copy.shows_before_relu = True
    return copy


@pytest.mark.parametrize("name", [*RECTIFIED, "torchvision/resnet18"])
def test_stages_are_the_rectified_maps(name: str) -> None:
    outputs = asked(create_model(name, num_classes=5))(images())
    for stage, before in zip(outputs.stages, outputs.before_relu, strict=True):
        assert torch.equal(stage, F.relu(before))
    assert all(before.min() < 0 for before in outputs.before_relu[1:])
    assert outputs.before_relu[0].min() >= 0  # the stem's map, as the peers have it


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


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_flow_through_the_maps_before_relu(name: str) -> None:
    network = asked(create_model(name, num_classes=5))
    torch.autograd.backward([maps.square().mean() for maps in network(images()).before_relu])
    stem = next(network.parameters()).grad
    assert stem is not None and stem.abs().sum() > 0
