"""One cluster a test module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.killing import STUDIES, Nodes
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


@pytest.fixture(name="undisturbed", scope="module")
def _undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the studies to kill on one node; that node is gone afterwards."""
    root = tmp_path_factory.mktemp("undisturbed")
    node = cluster.add_node(cpus=2)
    runs = [cluster.study(study, root) for study in STUDIES.values()]
    for run in runs:
        run.ends()
    node.kill()
    return root


@pytest.fixture(name="nodes", scope="module")
def _nodes(cluster: Cluster, undisturbed: Path) -> Nodes:
    """Three nodes, once the undisturbed results are there."""
    return Nodes(cluster, 3)
