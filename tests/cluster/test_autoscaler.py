"""Ray's autoscaler with nodes that it starts on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from pckd.storage import Storage
from pckd.study.results import ResultsStore
from tests.cluster.nodes import Cluster, Group, tiny_search, wait

pytestmark = pytest.mark.cluster
NODES = 2
HEAD_ID = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"
"""By which Ray's provider of fake nodes knows the head."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes 127.0.0.1 the address of nodes that are given none, as fake nodes are."""

STEPS = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray")
CONFIG: dict[str, Any] = {
    "cluster_name": "fake",
    "max_workers": NODES,
    "provider": {
        "type": "external",  # Ray's package lacks the defaults of its own fake provider
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "head_node_id": HEAD_ID,
        "launch_multiple": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {
            "resources": {"CPU": 1, "object_store_memory": 100_000_000},
            "node_config": {},
            "max_workers": NODES,
        },
    },
    "head_node_type": "ray.head.default",
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 0.1,
    **{f"{step}_commands": [] for step in (*STEPS, "worker_start_ray")},
    **{key: [] for key in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
    **{key: {} for key in ("auth", "docker", "file_mounts")},
    "file_mounts_sync_continuously": False,
}
ENVIRONMENT = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    **LOOPBACK,
}


def _nodes(head: Group) -> int:
    """Number of nodes that run besides the head."""
    return sum("/raylet/raylet " in command for command in head.processes().values()) - 1


def test_a_study_gets_nodes_and_gives_them_back(empty_cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "autoscaler.json"
    provider = {**CONFIG["provider"], "gcs_address": empty_cluster.address}
    config.write_text(json.dumps({**CONFIG, "provider": provider}))
    head = empty_cluster.start_head(
        f"--autoscaling-config={config}",
        f'--resources={{"grows_to_CPU": {NODES}}}',
        **ENVIRONMENT,
    )
    assert _nodes(head) == 0
    run = empty_cluster.study(tiny_search(epochs=20, trials=4), tmp_path / "results", **LOOPBACK)
    wait(lambda: _nodes(head) == NODES)
    run.ends()
    rows = ResultsStore(Storage(tmp_path / "results"), "search").read("trials")
    assert rows["status"].tolist() == ["completed"] * 4
    wait(lambda: _nodes(head) == 0)
