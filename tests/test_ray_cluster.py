"""ray_cluster.yaml, checked with Ray's own schema, validator and scheduler: no cloud is asked."""

import copy
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil

from pckd.distributed.session import GROWS_TO

ROOT = Path(__file__).parent.parent
SCHEMA = Path(ray.autoscaler.__file__).parent / "ray-schema.json"


def _of_aws() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text("utf-8"))
    return content


def _changed(heading: str) -> dict[str, Any]:
    """The file with the changes that the documentation gives under a heading."""
    text = (ROOT / "docs/cluster.md").read_text(encoding="utf-8").partition(f"## {heading}")[2]
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    changed = {**_of_aws(), **yaml.safe_load(block[1])}
    return {key: value for key, value in changed.items() if value is not None}


CLUSTERS = {"aws": _of_aws(), "gcp": _changed("GCP"), "own": _changed("Machines of your own")}


@pytest.fixture(name="cluster", params=["aws", "gcp"])
def _cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A cluster that grows."""
    return CLUSTERS[request.param]


@pytest.fixture(name="any_cluster", params=CLUSTERS)
def _any_cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    return CLUSTERS[request.param]


def test_it_is_valid_to_ray(any_cluster: dict[str, Any]) -> None:
    jsonschema.validate(any_cluster, json.loads(SCHEMA.read_text(encoding="utf-8")))
    validate_config(prepare_config(copy.deepcopy(any_cluster)))


def test_a_head_of_ones_own_says_itself_that_it_trains_nothing() -> None:
    start = CLUSTERS["own"]["head_start_ray_commands"][1]
    assert "--num-cpus=0 --num-gpus=0" in start


def test_the_head_keeps_drivers_and_trains_nothing(cluster: dict[str, Any]) -> None:
    head = cluster["available_node_types"][cluster["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert head["max_workers"] == 0


def test_the_head_says_what_the_workers_can_come_to(cluster: dict[str, Any]) -> None:
    types = dict(cluster["available_node_types"])
    head = types.pop(cluster["head_node_type"])["resources"]
    for kind in ("CPU", "GPU"):
        each = {worker["resources"][kind] for worker in types.values()}
        assert {head[GROWS_TO + kind]} == {cluster["max_workers"] * amount for amount in each}


def _launched(
    cluster: dict[str, Any], trials: int, unavailable: Collection[str] = ()
) -> dict[str, int]:
    """The machines that Ray's autoscaler starts for some trials of a whole GPU."""
    config = AutoscalingConfig(prepare_config(copy.deepcopy(cluster)), skip_content_hash=True)
    demand = [ResourceRequestUtil.make({"CPU": 1, "GPU": 1}) for _ in range(trials)]
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        # The head, which runs already, counts as a node for Ray and is not in this request.
        max_num_nodes=config.get_max_num_worker_nodes(),
        resource_requests=ResourceRequestUtil.group_by_count(demand),
        recoverable_resource_availabilities=dict.fromkeys(unavailable, 0.0),
    )
    reply = ResourceDemandScheduler().schedule(request)
    return {launch.instance_type: launch.count for launch in reply.to_launch}


def test_workers_come_from_none_to_eight_when_trials_ask(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    assert all(worker["min_workers"] == 0 for worker in types.values())
    assert cluster["idle_timeout_minutes"] == 10
    assert _launched(cluster, 0) == {}
    assert sum(_launched(cluster, 3).values()) == 3
    assert sum(_launched(cluster, 100).values()) == 8


def test_spot_machines_come_first_and_others_where_there_are_none(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    assert "spot" in str(types["spot_worker"]["node_config"]).lower()
    assert "spot" not in str(types["on_demand_worker"]["node_config"]).lower()
    assert _launched(cluster, 3) == {"spot_worker": 3}
    assert _launched(cluster, 3, unavailable=["spot_worker"]) == {"on_demand_worker": 3}


def test_all_nodes_ask_for_the_token_and_the_dashboard_stays_on_loopback(
    any_cluster: dict[str, Any],
) -> None:
    for node in ("head", "worker"):
        (start,) = [
            line for line in any_cluster[f"{node}_start_ray_commands"] if "ray start" in line
        ]
        assert "RAY_AUTH_MODE=token" in start.partition("ray start")[0]
    assert "--dashboard-host=127.0.0.1" in " ".join(any_cluster["head_start_ray_commands"])
    assert any_cluster["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


def test_the_containers_have_this_ray_and_this_python_and_shared_memory(
    any_cluster: dict[str, Any],
) -> None:
    docker = any_cluster["docker"]
    images = [value for key, value in docker.items() if key.endswith("image")]
    assert images
    for image in images:
        assert image.startswith(f"rayproject/ray:{ray.__version__}-py311-")
    assert "--shm-size=8g" in docker["run_options"]


def test_what_is_copied_leaves_out_data_and_results_but_not_the_package(
    any_cluster: dict[str, Any],
) -> None:
    assert "/data" in any_cluster["rsync_exclude"]
    assert "data" not in any_cluster["rsync_exclude"]
