"""`pckd evaluate`: a network is shown images as its file says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from pckd.data import normalise, open_data
from pckd.models import create_model
from pckd.training.config import DataConfig
from pckd.training.evaluation import evaluate
from pckd.training.network_file import TrainedNetwork
from pckd.training.run_data import shown_to

Command = Callable[..., str]
EVALUATE = ("evaluate", "network.pt", "--data", "digits")


@pytest.fixture
def network(command: Command) -> TrainedNetwork:
    """A resnet8 of random weights that knows digits of 16 pixels, in a file."""
    data = open_data("digits", image_size=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model("resnet8", num_classes=10)
        for _ in range(30):  # so that BatchNorm knows the images
            model(normalise(data.train.images[:100], data.mean, data.std))
    known = TrainedNetwork(
        model="resnet8",
        state=model.state_dict(),
        class_names=list(data.class_names),
        mean=list(data.mean),
        std=list(data.std),
        image_size=[16, 16],
        data="digits",
        data_fingerprint=data.fingerprint,
        trial="made",
        test_top1=10.0,
    )
    Path("network.pt").write_bytes(known.to_bytes())
    return known


def top1(network: TrainedNetwork, image_size: int) -> str:
    data = open_data("digits", image_size=image_size)
    model = network.network(torch.device("cpu"))
    accuracy = evaluate(model, data.test, network.mean, network.std)
    return f"top-1 {accuracy.top1:.2f} %"


def test_the_size_comes_from_the_networks_file(command: Command, network: TrainedNetwork) -> None:
    assert top1(network, 16) in command(*EVALUATE)


def test_another_size_is_said(network: TrainedNetwork) -> None:
    said: list[str] = []
    config = DataConfig(name="digits", image_size=8)
    assert shown_to(network, config, said.append) == config
    assert said == [
        "the network was trained on images of 16x16 pixels, and these are 8x8, as "
        "data.image_size says"
    ]


def test_another_size_is_used(command: Command, network: TrainedNetwork) -> None:
    out = command(*EVALUATE, "--set", "data.image_size=8")
    assert top1(network, 8) in out
    assert top1(network, 8) != top1(network, 16)


def test_a_network_of_oblong_images_needs_such_images(
    command: Command, network: TrainedNetwork
) -> None:
    oblong = replace(network, image_size=[16, 24])
    Path("network.pt").write_bytes(oblong.to_bytes())
    said = command(*EVALUATE, code=2)
    assert "trained on images of 16x24 pixels, and these are 8x8: set data.image_size" in said


@pytest.mark.usefixtures("network")
def test_what_is_noticed_of_the_images_is_said(command: Command) -> None:
    for split in ("train", "test"):
        for name in ("Apple", "apple"):
            folder = Path("images", split, name)
            folder.mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "0.png")
    said = command("evaluate", "network.pt", "--data", "folder", "--data-root", "images", code=2)
    assert said.startswith("folder: classes whose names differ only in small and capital letters")
