import json

import pytest
import torch
from torch import Tensor, nn

from pckd.errors import InputError
from pckd.models import (
    canonical_name,
    create_model,
    list_models,
    model_info,
    outline,
    output_shapes,
)
from pckd.models.sizes import BUILT_IN, FILE, sizes_text


def flops_by_hand(name: str) -> int:
    """Multiply-adds times two of each convolution and linear layer, from its own definition."""
    network = create_model(name, num_classes=100).eval()
    counted: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        counted.append(2 * output.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 32, 32))
    return sum(counted)


@pytest.mark.parametrize("name", ["resnet8", "wrn_16_2", "vgg8", "MobileNetV2", "ShuffleV1"])
def test_flops_are_two_for_each_multiply_add(name: str) -> None:
    info = model_info(name)
    assert info.flops == flops_by_hand(name)
    assert info.name == canonical_name(name)
    assert info.image_size == 32


def test_size_and_width_follow_the_classes() -> None:
    ten, hundred = model_info("wrn_16_2", num_classes=10), model_info("wrn_16_2")
    assert hundred.parameters == 703_284
    assert hundred.parameters - ten.parameters == 90 * (128 + 1)
    assert hundred.feature_width == ten.feature_width == 128


def test_torchvisions_networks_are_measured_at_their_own_size() -> None:
    info = model_info("torchvision/resnet18")
    assert info.image_size == 224
    assert info.parameters == 11_689_512
    # torchvision's documentation says 1.81 billion multiply-adds.
    assert info.flops == pytest.approx(2 * 1.81e9, rel=0.01)


def test_what_is_told_of_the_sizes_is_what_is_measured_today() -> None:
    written = json.loads(FILE.read_text(encoding="utf-8"))
    assert tuple(written) == BUILT_IN
    assert set(written) == set(list_models())
    some = [name for name in BUILT_IN if "_1" in name or "/" in name or name.endswith("8")]
    measured = json.loads(sizes_text(some))
    assert len(some) > 5
    assert {name: written[name] for name in some} == measured, "python -m pckd.models.sizes"


def test_the_global_generator_stays_as_it_was() -> None:
    before = torch.get_rng_state()
    model_info("resnet8")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_name_is_an_input_error() -> None:
    with pytest.raises(InputError, match="not known"):
        model_info("resnet9")


def test_no_class_is_an_input_error() -> None:
    with pytest.raises(InputError, match="at least one class"):
        model_info("resnet8", num_classes=0)


@pytest.mark.parametrize("name", ["resnet8x4", "wrn_16_2", "mobilenetv2", "torchvision/resnet18"])
@pytest.mark.parametrize("size", [(32, 32), (48, 64)])
def test_shapes_are_those_of_real_images(name: str, size: tuple[int, int]) -> None:
    network = create_model(name, num_classes=7).eval()
    outputs = network(torch.zeros(2, 3, *size))
    shapes = output_shapes(outline(name, num_classes=7), size)
    assert shapes == output_shapes(network, size)
    assert (shapes.width, shapes.num_classes) == (outputs.features.shape[1], 7)
    assert list(shapes.maps) == [tuple(stage.shape[1:]) for stage in outputs.stages]
    assert shapes.maps_before_relu == shapes.maps


def test_asking_for_shapes_leaves_the_network_alone() -> None:
    network = create_model("resnet8", num_classes=7)
    output_shapes(network, (32, 32))
    assert network.training and not network.shows_before_relu
    assert {weight.device.type for weight in network.parameters()} == {"cpu"}
