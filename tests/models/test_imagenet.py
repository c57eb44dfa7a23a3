from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torchvision import models

from pckd.errors import InputError
from pckd.models import Network, create_model


@pytest.fixture(scope="module")
def network() -> Network:
    return create_model("torchvision/resnet18", num_classes=7).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64)


def test_torchvisions_weights_fit_and_give_its_logits(network: Network, images: Tensor) -> None:
    original = models.resnet18(num_classes=7).eval()
    ours = deepcopy(network)
    ours.load_state_dict(original.state_dict())
    assert list(ours.state_dict()) == list(original.state_dict())
    torch.testing.assert_close(ours(images).logits, original(images), rtol=0, atol=0)


def test_the_stages_are_the_stem_and_the_four_layers(network: Network, images: Tensor) -> None:
    shapes = [tuple(stage.shape[1:]) for stage in network(images).stages]
    assert shapes == [(64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]


def test_the_features_are_what_the_classifier_sees(network: Network, images: Tensor) -> None:
    outputs = network(images)
    assert network.classifier_name == "fc"
    assert (network.feature_width, network.num_classes) == (512, 7)
    torch.testing.assert_close(network.classifier_layer(outputs.features), outputs.logits)
    torch.testing.assert_close(outputs.stages[-1].mean(dim=(2, 3)), outputs.features)


def test_a_copy_stands_on_its_own(network: Network, images: Tensor) -> None:
    copy = deepcopy(network)
    torch.nn.init.zeros_(copy.classifier_layer.weight)
    torch.nn.init.ones_(copy.classifier_layer.bias)
    assert (copy(images).logits == 1).all()
    assert not (network(images).logits == 1).all()


def test_no_hook_stays_behind(network: Network, images: Tensor) -> None:
    network(images)
    assert not any(module._forward_hooks for module in network.modules())


def test_gradients_reach_the_stem(images: Tensor) -> None:
    network = create_model("torchvision/resnet18", num_classes=7)
    outputs = network(images)
    torch.autograd.backward(outputs.features.sum() + outputs.stages[1].sum())
    stem = network.get_parameter("conv1.weight").grad
    assert stem is not None
    assert stem.abs().sum() > 0


def test_other_families_that_end_in_a_linear_layer_are_taken(images: Tensor) -> None:
    network = create_model("torchvision/mobilenet_v3_small", num_classes=7).eval()
    outputs = network(images)
    assert network.classifier_name == "classifier.3"
    assert outputs.features.shape == (2, 1024)
    # The maps inside a block that halves the size are wider than what leaves the block before it.
    shapes = [tuple(stage.shape[1:3]) for stage in outputs.stages]
    assert shapes == [(16, 32), (16, 16), (24, 8), (48, 4), (576, 2)]
    torch.testing.assert_close(network.classifier_layer(outputs.features), outputs.logits)


def test_a_convolutional_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="'torchvision/squeezenet1_0' does not end in a linear"):
        create_model("torchvision/squeezenet1_0", num_classes=7)


@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_auxiliary_classifiers_are_refused() -> None:
    with pytest.raises(InputError, match="'torchvision/googlenet' has auxiliary classifiers"):
        create_model("torchvision/googlenet", num_classes=7)
