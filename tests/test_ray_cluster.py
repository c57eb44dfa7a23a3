"""ray_cluster.yaml, checked with Ray's own schema and validator: no cloud is asked."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from pckd.distributed.session import TRIAL_SLOT


@pytest.fixture(name="cluster", scope="module")
def _cluster() -> dict[str, Any]:
    path = Path(__file__).parent.parent / "ray_cluster.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def test_it_is_valid_to_ray(cluster: dict[str, Any]) -> None:
    schema = Path(ray.autoscaler.__file__).parent / "ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text(encoding="utf-8")))
    validate_config(prepare_config(copy.deepcopy(cluster)))


def test_the_head_keeps_drivers_and_trains_nothing(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    head = types[cluster["head_node_type"]]["resources"]
    assert head["CPU"] == 0
    assert head[TRIAL_SLOT] > 0
    assert types["gpu_worker"]["resources"]["GPU"] == 1
    assert types["gpu_worker"]["min_workers"] == 0


def test_the_dashboard_stays_on_loopback(cluster: dict[str, Any]) -> None:
    starts = " ".join(cluster["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in starts
