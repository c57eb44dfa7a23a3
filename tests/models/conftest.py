import pytest

from pckd.models import create_model
from tests.models.states import State


@pytest.fixture(scope="session")
def state() -> State:
    """Weights of a network with five classes, not to be changed in place."""
    return create_model("resnet8", num_classes=5).state_dict()
