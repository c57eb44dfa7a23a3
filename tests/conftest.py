"""Settings of all tests: one thread, and a cache of their own."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# So that tests side by side do not slow each other.
torch.set_num_threads(1)

# What a test takes is a matter of the machine and of what else it does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave nothing in the user's cache, and find nothing there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
