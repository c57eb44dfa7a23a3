"""Check that the nodes of a cluster share the results root."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pckd.distributed import session
from pckd.distributed.session import check_shared
from pckd.errors import InputError
from pckd.storage import Storage

pytestmark = pytest.mark.cluster


@pytest.fixture(name="two_nodes")
def _two_nodes() -> Iterator[str]:
    """Two nodes on this machine; the id of the second."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second: str = cluster.add_node(num_cpus=1).node_id
    ray.init(address=cluster.address, log_to_driver=False)
    yield second
    ray.shutdown()
    cluster.shutdown()


def test_a_folder_that_one_node_does_not_see_is_refused(
    two_nodes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "results"
    check_shared(Storage(root))
    assert not list(root.iterdir())

    def sees(path: str) -> bool:
        elsewhere = ray.get_runtime_context().get_node_id() == two_nodes
        return Path(path).exists() and not elsewhere

    monkeypatch.setattr(session, "_sees", ray.remote(num_cpus=0)(sees))
    with pytest.raises(
        InputError, match=rf"^results root {root} is not the same folder on [0-9.]+:"
    ):
        check_shared(Storage(root))
    assert not list(root.iterdir())


def test_a_node_that_goes_away_meanwhile_is_not_waited_for(
    two_nodes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ray.nodes()
    gone = {"NodeID": "ab" * 28, "Alive": True, "NodeManagerAddress": "10.0.0.9"}
    monkeypatch.setattr(ray, "nodes", lambda: [*there, gone])
    check_shared(Storage(tmp_path))
