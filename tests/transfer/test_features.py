from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pckd.data import normalise
from pckd.errors import RunError
from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.features import LabelledFeatures, extract_features

MEAN, STD = (0.3, 0.4, 0.5), (0.2, 0.3, 0.4)


@pytest.fixture
def images() -> Tensor:
    """Images of two batches."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (700, 3, 8, 8), dtype=torch.uint8, generator=generator)


def test_features_are_those_of_a_direct_forward_pass_in_order(
    make_network: Callable[..., TrainedNetwork], images: Tensor
) -> None:
    network = make_network().network(torch.device("cpu"))
    features = extract_features(network, images.split(500), MEAN, STD)
    with torch.no_grad():
        direct = network(normalise(images, MEAN, STD)).features
    assert features.shape == (700, network.feature_width)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    torch.testing.assert_close(features, direct)
    assert torch.equal(features, extract_features(network, images.split(500), MEAN, STD))


@pytest.mark.parametrize("model", ["resnet8", "mobilenetv2", "vgg8"])
def test_neither_weights_nor_batchnorm_statistics_move_even_in_training_mode(
    model: str, images: Tensor
) -> None:
    network = create_model(model, num_classes=4)
    network.train()
    next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)).eval()
    modes = [module.training for module in network.modules()]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert any("running_mean" in name for name in before)
    extract_features(network, [images[:20]], MEAN, STD)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_the_mode_is_restored_after_an_error(images: Tensor) -> None:
    network = create_model("resnet8", num_classes=4).train()
    with pytest.raises(RuntimeError):
        extract_features(network, [images[:, :2]], MEAN, STD)
    assert all(module.training for module in network.modules())


def test_rows_are_taken_in_the_order_asked_for() -> None:
    rows = LabelledFeatures(torch.arange(6.0).view(3, 2), torch.tensor([5, 6, 7]))
    taken = rows.at(torch.tensor([2, 0]))
    assert len(taken) == 2
    assert taken.labels.tolist() == [7, 5]
    assert taken.features.tolist() == [[4, 5], [0, 1]]


def test_features_that_are_not_finite_are_refused() -> None:
    network = create_model("resnet8", num_classes=3)
    next(network.parameters()).data.fill_(torch.nan)
    images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    with pytest.raises(RunError, match="NaN or infinite for 4 of 4 images"):
        extract_features(network, [images], (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
