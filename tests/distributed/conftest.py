"""One Ray cluster a test module, and tiny studies on handwritten digits."""

from collections.abc import Iterator
from typing import Any

import pytest

from pckd.distributed.session import ray_session
from pckd.settings import validate
from pckd.study.spec import StudySpec


@pytest.fixture(name="cluster", scope="module")
def _cluster() -> Iterator[None]:
    with ray_session(None):
        yield


def tiny_study(**changes: Any) -> StudySpec:  # noqa: ANN401
    """Three classes, a resnet8, two epochs: seconds a trial."""
    values: dict[str, Any] = {
        "study": "tiny",
        "run": {
            "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 32},
            "student": "resnet8",
            "teacher": {"model": "resnet14", "optimization": {"epochs": 1}},
            "views": {"crop_padding": 1, "flip": False},
            "optimization": {"epochs": 2, "batch_size": 32, "learning_rate": 0.001},
        },
    }
    return validate(StudySpec, values | changes, "tiny study")


@pytest.fixture(name="make_study")
def _make_study() -> Any:  # noqa: ANN401
    return tiny_study
