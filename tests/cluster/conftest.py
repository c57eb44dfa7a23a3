"""One cluster a test module."""

from collections.abc import Iterator

import pytest

from tests.cluster.nodes import Cluster


@pytest.fixture(name="empty_cluster", scope="module")
def _empty_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that has nothing yet, not even a head."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture(name="cluster", scope="module")
def _cluster(empty_cluster: Cluster) -> Cluster:
    """A head; nodes are for the tests to add."""
    empty_cluster.start_head()
    return empty_cluster
