"""A trained network that takes images of any precision."""

from math import nan

import pytest
import torch

from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork
from pckd.training.student import Student


def _trained(state: dict[str, torch.Tensor]) -> TrainedNetwork:
    return TrainedNetwork(
        model="resnet8",
        state=state,
        class_names=["a", "b", "c"],
        mean=[0.5, 0.5, 0.5],
        std=[0.2, 0.2, 0.2],
        image_size=[8, 8],
        data="digits",
        data_fingerprint="",
        trial="",
        test_top1=nan,
    )


def test_weights_of_any_precision_have_a_hash() -> None:
    state = create_model("resnet8", num_classes=3).state_dict()
    kinds = (torch.float32, torch.bfloat16, torch.float8_e5m2)
    hashes = {
        _trained({name: value.to(kind) for name, value in state.items()}).content_hash()
        for kind in kinds
    }
    assert len(hashes) == len(kinds)


@pytest.mark.parametrize("precision", [torch.float64, torch.float16])
@pytest.mark.parametrize("size", [8, 12])
def test_images_of_any_precision_are_taken(precision: torch.dtype, size: int) -> None:
    network = create_model("resnet8", num_classes=3)
    student = Student(_trained(network.state_dict()))
    images = torch.rand(2, 3, size, size).to(precision)
    assert torch.equal(student(images), student(images.float()))
