"""Networks that were never trained, and features that no network made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.features import LabelledFeatures
from pckd.transfer.frozen import FrozenTarget


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of decoded images and features that no other test sees."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(folder))
        yield folder


def random_network(seed: int = 0, size: int = 8) -> TrainedNetwork:
    """A resnet8 of random weights that has seen a batch of noise, as if trained on six digits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = create_model("resnet8", num_classes=6)
        network.train()
        network(torch.randn(64, 3, size, size))
    return TrainedNetwork(
        model="resnet8",
        state=network.state_dict(),
        class_names=list("012345"),
        mean=[0.3, 0.3, 0.3],
        std=[0.4, 0.4, 0.4],
        image_size=[size, size],
        data="digits",
        data_fingerprint="none",
        trial=f"random{seed}",
        test_top1=100 / 6,
    )


def made_target(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> FrozenTarget:
    """A target of given features and labels."""
    return FrozenTarget(
        renderings=(LabelledFeatures(*train),),
        test=LabelledFeatures(*test),
        num_classes=int(train[1].max()) + 1,
        data_fingerprint="made",
        device=torch.device("cpu"),
        seconds=0.0,
        file="made.pt",
    )


def clusters(
    images: int, classes: int, *, width: int = 6, distance: float = 12.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Features around one corner a class, `distance` standard deviations from the origin."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % classes
    noise = torch.randn(images, width, generator=generator)
    return noise + distance * torch.eye(classes, width)[labels], labels


@pytest.fixture(scope="session")
def make_network() -> Callable[..., TrainedNetwork]:
    """`random_network`."""
    return random_network


@pytest.fixture(scope="session")
def make_target() -> Callable[..., FrozenTarget]:
    """`made_target`."""
    return made_target


@pytest.fixture(scope="session")
def make_clusters() -> Callable[..., tuple[Tensor, Tensor]]:
    """`clusters`."""
    return clusters
