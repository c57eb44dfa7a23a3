"""The frozen teacher: what its network says, with less to compute."""

import pytest
import torch
from torch import nn

from pckd.method import Needs
from pckd.models import Network, create_model, list_models
from pckd.training.encoding import encode
from pckd.training.frozen_teacher import FrozenTeacher, folded

CPU = torch.device("cpu")


def trained(name: str) -> Network:
    """A network whose BatchNorm statistics are not the initial ones."""
    torch.manual_seed(0)
    network = create_model(name, num_classes=5).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
    return network


@pytest.mark.parametrize("name", [*list_models(), "torchvision/resnet18"])
def test_folding_changes_rounding_only(name: str) -> None:
    network = trained(name).double()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        expected, outputs = network(images), folded(network)(images)
    torch.testing.assert_close(outputs.features, expected.features, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(outputs.logits, expected.logits, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["resnet20", "vgg8", "resnet8x4"])
def test_no_batch_norm_is_left_where_each_follows_a_convolution(name: str) -> None:
    layers = folded(trained(name)).modules()
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in layers)


def test_pre_activations_keep_the_batch_norms_that_follow_a_sum() -> None:
    def count(module: nn.Module) -> int:
        return sum(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())

    network = trained("wrn_16_2")
    assert 0 < count(folded(network)) < count(network)


def test_it_says_what_the_network_says_of_each_copy() -> None:
    network = trained("wrn_16_2")
    views = torch.randn(3, 4, 3, 32, 32)
    with torch.no_grad():
        expected = encode(network, views, Needs())
    said = FrozenTeacher(network, CPU, "fp32", "off", Needs()).encode(views, None)
    for name in ("features", "logits", "centers", "bias"):
        torch.testing.assert_close(
            getattr(said, name), getattr(expected, name), rtol=1e-4, atol=1e-5
        )
    assert not said.logits.requires_grad


def test_bf16_rounds_the_forward_pass_and_nothing_after_it() -> None:
    network = trained("resnet8")
    views = torch.randn(3, 1, 3, 32, 32)
    exact = FrozenTeacher(network, CPU, "fp32", "off", Needs()).encode(views, None)
    rounded = FrozenTeacher(network, CPU, "bf16", "off", Needs()).encode(views, None)
    assert rounded.features.dtype == rounded.logits.dtype == torch.float32
    assert not torch.equal(rounded.features, exact.features)
    torch.testing.assert_close(rounded.features, exact.features, rtol=0.05, atol=0.02)
    again = torch.nn.functional.linear(rounded.features, rounded.centers, rounded.bias)
    assert torch.equal(rounded.logits, again)


def test_the_network_itself_stays_as_it_was() -> None:
    network = trained("resnet8").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    FrozenTeacher(network, CPU, "fp32", "off", Needs()).encode(torch.randn(2, 4, 3, 32, 32), None)
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
