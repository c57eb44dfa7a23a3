"""Behaviour of every network, whatever its family."""

import pytest
import torch
import torch.nn.functional as F

from pckd.models import Network, create_model, list_models

FAMILIES = (
    "resnet8",
    "resnet8x4",
    "resnet50",
    "wrn_16_2",
    "vgg8",
    "mobilenetv2",
    "shufflenetv1",
    "shufflenetv2",
)
RESIDUAL = [*list_models("resnet[!5]*"), *list_models("wrn_*")]


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_the_classifier_on_the_features(name: str) -> None:
    network = create_model(name, num_classes=7)
    outputs = network(torch.randn(2, 3, 32, 32))
    torch.testing.assert_close(network.classifier_layer(outputs.features), outputs.logits)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_learns(name: str) -> None:
    network = create_model(name, num_classes=7)
    logits = network(torch.randn(4, 3, 32, 32)).logits
    torch.autograd.backward(F.cross_entropy(logits, torch.arange(4)))
    silent = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert silent == []


@pytest.mark.parametrize("name", ["resnet8", "resnet50", "vgg8"])
def test_features_are_the_average_of_the_last_stage_where_no_head_follows(name: str) -> None:
    outputs = create_model(name, num_classes=7)(torch.randn(2, 3, 32, 32))
    torch.testing.assert_close(outputs.stages[-1].mean(dim=(2, 3)), outputs.features)


@pytest.mark.parametrize("name", ["resnet8", "resnet50", "vgg8", "shufflenetv1"])
def test_stages_are_activated(name: str) -> None:
    outputs = create_model(name, num_classes=7)(torch.randn(2, 3, 32, 32))
    assert all(stage.min() >= 0 for stage in outputs.stages)


def test_stages_of_wide_resnets_are_not_yet_activated() -> None:
    outputs = create_model("wrn_16_1", num_classes=7)(torch.randn(2, 3, 32, 32))
    assert all(stage.min() < 0 for stage in outputs.stages)
    assert outputs.features.min() >= 0


@pytest.mark.parametrize("name", RESIDUAL)
def test_residual_networks_take_small_images(name: str) -> None:
    with torch.device("meta"):
        outputs = create_model(name, num_classes=7).eval()(torch.empty(2, 3, 8, 8))
    assert outputs.stages[-1].shape[2:] == (2, 2)
    assert outputs.logits.shape == (2, 7)


@pytest.mark.parametrize("height", [32, 64])
def test_vgg_pools_once_more_for_images_of_64_pixels(height: int) -> None:
    outputs = create_model("vgg8", num_classes=7).eval()(torch.randn(1, 3, height, height))
    assert outputs.stages[-1].shape[2:] == (4, 4)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_memory_layout_of_the_images_does_not_matter(name: str) -> None:
    network = create_model(name, num_classes=7).double().eval()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    strided = network(images.contiguous(memory_format=torch.channels_last)).logits
    torch.testing.assert_close(strided, network(images).logits)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_global_generator_decides_the_weights(name: str) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.nn.utils.parameters_to_vector(create_model(name, num_classes=7).parameters())

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@pytest.mark.parametrize(
    ("name", "entry", "deviation"),
    [
        ("resnet8x4", "layer3.0.conv2.weight", (2 / (256 * 9)) ** 0.5),
        ("resnet50", "layer4.0.conv1.weight", (2 / 512) ** 0.5),
        ("wrn_16_2", "block3.layer.0.conv2.weight", (2 / (128 * 9)) ** 0.5),
        ("vgg8", "block4.0.weight", (2 / (512 * 9)) ** 0.5),
        ("vgg8", "classifier.weight", 0.01),
        ("mobilenetv2", "conv2.0.weight", (2 / 1280) ** 0.5),
        ("mobilenetv2", "classifier.0.weight", 0.01),
        ("shufflenetv1", "layer3.1.conv1.weight", (1 / (3 * 320)) ** 0.5),
        ("shufflenetv2", "conv2.weight", (1 / (3 * 464)) ** 0.5),
    ],
)
def test_weights_are_drawn_as_the_peers_draw_them(name: str, entry: str, deviation: float) -> None:
    # At least 50,000 values: the estimate's own deviation is below 0.4%, so 3% is over 6 sigma.
    weight = create_model(name, num_classes=100).state_dict()[entry]
    assert weight.numel() >= 50_000
    assert weight.std().item() == pytest.approx(deviation, rel=0.03)


@pytest.mark.parametrize("name", ["wrn_16_2", "vgg8", "mobilenetv2"])
def test_the_bias_of_the_classifier_starts_at_zero(name: str) -> None:
    assert not create_model(name, num_classes=7).classifier_layer.bias.any()


def test_a_network_without_a_forward_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Network()  # type: ignore[abstract]
