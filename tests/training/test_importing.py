"""Files that pckd saved, where a checkpoint of another code is asked for: what they say holds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.errors import InputError
from pckd.models import Network
from pckd.storage import Storage
from pckd.training.config import RunConfig
from pckd.training.importing import import_teacher, read_network
from pckd.training.network_file import TrainedNetwork
from pckd.training.run import Run
from pckd.training.run_data import RunData
from pckd.training.teachers import TeacherStore


@pytest.fixture(name="own")
def _own(config: RunConfig, data: RunData, teacher: Network) -> TrainedNetwork:
    run = Run(config, data, teacher, torch.device("cpu"))
    return run.trained_network("0123456789ab", 50.0)


def test_what_it_says_of_images_and_classes_is_taken(own: TrainedNetwork, tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    file.write_bytes(own.to_bytes())
    read = read_network(file, own.model, "cifar100")
    assert replace(read, state={}) == replace(own, state={})
    with pytest.raises(InputError, match="is a network of pckd's, a resnet8 and no resnet20"):
        read_network(file, "ResNet20", "cifar100")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"class_names": ["1", "0", "2"]}, "its class 0 is '1', that of the images is '0'"),
        ({"image_size": [16, 16]}, "knows images of 16x16 pixels"),
        ({"mean": [0.5, 0.5, 0.9]}, "knows images of mean 0.500, 0.500, 0.900"),
    ],
)
def test_one_of_other_images_is_no_teacher(
    said: dict[str, Any],
    sentence: str,
    config: RunConfig,
    own: TrainedNetwork,
    tmp_path: Path,
) -> None:
    store, file = TeacherStore(Storage(tmp_path)), tmp_path / "own.safetensors"
    file.write_bytes(replace(own, **said).to_bytes())
    with pytest.raises(InputError, match=sentence):
        import_teacher(file, own.model, config.data, store, torch.device("cpu"))
    assert store.cards() == []
