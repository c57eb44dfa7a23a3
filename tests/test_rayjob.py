"""deploy/rayjob.yaml: what can be checked of it without Kubernetes."""

import json
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from pckd.distributed.jobs import STOPPING
from pckd.distributed.session import GROWS_TO
from pckd.study.study_file import read_study

ROOT = Path(__file__).parent.parent


@pytest.fixture(name="job", scope="module")
def _job() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "deploy/rayjob.yaml").read_text(encoding="utf-8"))
    spec: dict[str, Any] = content["spec"]
    return spec


def test_it_runs_a_study_of_the_repository(job: dict[str, Any]) -> None:
    words = job["entrypoint"].split()
    assert words[:5] == ["python", "-m", "pckd.cli", "study", "run"]
    assert read_study(ROOT / words[5], {}).study == "search"
    assert job["shutdownAfterJobFinishes"] is True


def test_it_asks_for_a_token_and_for_this_ray(job: dict[str, Any]) -> None:
    assert job["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert job["rayClusterSpec"]["rayVersion"] == ray.__version__


def test_the_environment_is_yaml_of_strings_and_stops_a_study_gently(job: dict[str, Any]) -> None:
    variables = yaml.safe_load(job["runtimeEnvYAML"])["env_vars"]
    assert all(isinstance(value, str) for value in variables.values())
    assert variables.items() >= STOPPING.items()


def test_the_head_says_what_the_workers_can_come_to(job: dict[str, Any]) -> None:
    cluster = job["rayClusterSpec"]
    start = cluster["headGroupSpec"]["rayStartParams"]
    assert start["num-cpus"] == "0"
    # A string of a string: the operator puts it on a command line as it stands.
    resources = json.loads(json.loads(start["resources"]))
    (group,) = cluster["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert resources == {
        f"{GROWS_TO}CPU": group["maxReplicas"] * int(limits["cpu"]),
        f"{GROWS_TO}GPU": group["maxReplicas"] * int(limits["nvidia.com/gpu"]),
    }


def test_the_workers_have_shared_memory(job: dict[str, Any]) -> None:
    pod = job["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    (volume,) = pod["volumes"]
    assert volume["emptyDir"]["medium"] == "Memory"
    mounts = pod["containers"][0]["volumeMounts"]
    assert mounts == [{"name": volume["name"], "mountPath": "/dev/shm"}]
