"""Weights of a state dict, loaded into a network or refused by their names."""

import pytest
import torch

from pckd.errors import InputError
from pckd.models import Network, create_model, load_weights
from tests.models.states import State, same


def fresh() -> Network:
    torch.manual_seed(1)
    return create_model("resnet8", num_classes=5)


def test_weights_are_loaded(state: State) -> None:
    network = fresh()
    load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), state)


@pytest.mark.parametrize("name", ["classifier", "classifier.0"])
def test_both_names_of_mobilenets_classifier_are_taken(name: str) -> None:
    network = create_model("mobilenetv2", num_classes=5)
    expected = {entry: torch.full_like(value, 2) for entry, value in network.state_dict().items()}
    state = {entry.replace("classifier.0", name): value for entry, value in expected.items()}
    load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), expected)


def problem(state: State) -> str:
    """Message for a state that does not fit, after checking that nothing was loaded."""
    network = fresh()
    with pytest.raises(InputError) as caught:
        load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), fresh().state_dict())
    return str(caught.value).removeprefix("teacher.pth does not fit the network: ")


def test_the_first_missing_entry_is_named(state: State) -> None:
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("bn1.")}
    assert problem(kept) == "entry 'bn1.weight' is missing, expected with shape [16]"


def test_the_first_unexpected_entry_is_named(state: State) -> None:
    extra = {**state, "layer4.weight": torch.ones(1), "more": torch.ones(1)}
    assert problem(extra) == "entry 'layer4.weight' is not one of the network's"


def test_the_first_entry_of_another_shape_is_named(state: State) -> None:
    other = create_model("resnet8", num_classes=7).state_dict()
    assert problem(other) == "entry 'fc.weight' has shape [7, 64], expected is [5, 64]"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(state: State, value: float) -> None:
    broken = {**state, "fc.bias": torch.full_like(state["fc.bias"], value)}
    with pytest.raises(InputError, match=r"'fc\.bias' holds values that are infinite or not"):
        load_weights(create_model("resnet8", num_classes=5), broken, source="teacher.pth")


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_of_few_bits_are_loaded(state: State, kind: torch.dtype) -> None:
    network = fresh()
    load_weights(network, {**state, "fc.bias": state["fc.bias"].to(kind)}, source="small.pth")
    assert torch.equal(network.state_dict()["fc.bias"], state["fc.bias"].to(kind).float())


def test_counters_may_be_missing_or_in_excess(state: State) -> None:
    bare = {name: value for name, value in state.items() if not name.endswith("tracked")}
    network = fresh()
    load_weights(
        network,
        {**bare, "total_ops": torch.ones(1), "conv1.total_params": torch.ones(1)},
        source="old.pth",
    )
    assert same(network.state_dict(), state)


def test_entries_of_another_architecture_are_named() -> None:
    other = create_model("vgg8", num_classes=5).state_dict()
    assert problem(other) == (
        "entry 'conv1.weight' is missing, expected with shape [16, 3, 3, 3]; "
        "it holds 32 others, the first is 'block0.0.weight'"
    )


def test_sparse_weights_are_refused(state: State) -> None:
    assert "quantised, sparse" in problem({**state, "fc.weight": state["fc.weight"].to_sparse()})


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.complex64])
def test_weights_that_are_no_floating_point_numbers_are_refused(
    state: State, kind: torch.dtype
) -> None:
    name = str(kind).removeprefix("torch.")
    fault = f"is of type {name}, expected are floating-point numbers"
    assert fault in problem({**state, "fc.weight": state["fc.weight"].to(kind)})


def test_weights_in_half_precision_are_loaded(state: State) -> None:
    network = fresh()
    half = {entry: value.half() for entry, value in state.items()}
    load_weights(network, half, source="half.pth")
    assert network.classifier_layer.weight.dtype == torch.float32
    assert torch.equal(network.state_dict()["fc.weight"], half["fc.weight"].float())
