"""Settings of all tests: one thread, and a cache of their own."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from pckd import plugins
from pckd.data import plugins as data_plugins
from pckd.method import registry
from pckd.models import names

# So that tests side by side do not slow each other.
torch.set_num_threads(1)

# What a test takes is a matter of the machine and of what else it does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and all that use a Ray cluster in one process.

    The tests of a file share what was made for them, and a machine has room for one cluster.
    """
    for item in items:
        clustered = "cluster" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("ray" if clustered else str(item.path)))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave nothing in the user's cache, and find nothing there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(name="no_plugins")
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of earlier plug-ins is known, and what a test loads is forgotten behind it."""
    for module, name in (
        (plugins, "_loaded"),
        (registry, "_registered"),
        (names, "_registered"),
        (data_plugins, "_registered"),
    ):
        monkeypatch.setattr(module, name, {})
