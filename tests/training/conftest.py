"""A tiny real run: three classes of handwritten digits, a resnet8 and its teacher."""

from typing import Any

import pytest
import torch

from pckd.models import Network, create_model
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData, prepare_data


def tiny_config(**changes: Any) -> RunConfig:  # noqa: ANN401
    """A full PCKD run of seconds; `changes` replace whole sections."""
    values: dict[str, Any] = {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 32},
        "student": "resnet8",
        "teacher": {"model": "resnet14", "optimization": {"epochs": 1}},
        "views": {"crop_padding": 1, "flip": False},
        "optimization": {"epochs": 3, "batch_size": 32, "learning_rate": 0.02},
        "seed": 3,
    }
    return RunConfig.model_validate(values | changes)


@pytest.fixture(name="config")
def _config() -> RunConfig:
    return tiny_config()


@pytest.fixture(name="data")
def _data(config: RunConfig) -> RunData:
    return prepare_data(config.data, config.protocol)


@pytest.fixture(name="teacher")
def _teacher() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return create_model("resnet14", num_classes=3)
