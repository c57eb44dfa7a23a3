"""A trained network that takes images of any precision."""

from math import nan

import pytest
import torch

from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork
from pckd.training.student import Student


@pytest.mark.parametrize("precision", [torch.float64, torch.float16])
@pytest.mark.parametrize("size", [8, 12])
def test_images_of_any_precision_are_taken(precision: torch.dtype, size: int) -> None:
    network = create_model("resnet8", num_classes=3)
    student = Student(
        TrainedNetwork(
            model="resnet8",
            state=network.state_dict(),
            class_names=["a", "b", "c"],
            mean=[0.5, 0.5, 0.5],
            std=[0.2, 0.2, 0.2],
            image_size=[8, 8],
            data="digits",
            data_fingerprint="",
            trial="",
            test_top1=nan,
        )
    )
    images = torch.rand(2, 3, size, size).to(precision)
    assert torch.equal(student(images), student(images.float()))
