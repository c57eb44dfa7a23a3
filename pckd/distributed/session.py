"""Starting and ending Ray, quietly."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pckd.distributed.starting import check_answers, check_temporary_folder, no_start
from pckd.errors import InputError
from pckd.loudness import is_verbose
from pckd.machine import available_cpus
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.storage import Storage
from pckd.study.resources import Resources

DRIVER = {"node:__internal_head__": 0.0001}
"""Resources of the driver of a multi-worker trial: a token share of a resource that every head node
has. A driver that held a CPU could starve the very workers that it waits for.
"""

GROWS_TO = "grows_to_"
"""Prefix of resources that the head of an autoscaling cluster declares, such as `grows_to_GPU`: the
number there can be once all nodes are added. Otherwise only Ray's autoscaler knows it.
"""

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Ray's own output off: pckd shows progress itself and keeps every number in Parquet. A trial's
last report has no metric, only its status, which Tune would refuse by default."""

GONE = (
    ray.exceptions.NodeDiedError,
    ray.exceptions.TaskUnschedulableError,
    ray.exceptions.WorkerCrashedError,
)
"""Errors that Ray raises for a task whose node went away."""


@contextmanager
def ray_session(address: str | None) -> Iterator[None]:
    """Run Ray for the length of the block; a running session is used and left running.

    Args:
        address: Of a running cluster, or "auto"; None starts one on this machine, also beside one
            that runs already, unless the environment variable RAY_ADDRESS names one.

    Raises:
        InputError: The temporary folder does not suit Ray.
        RunError: Ray does not start, or the cluster cannot be reached.
    """
    if ray.is_initialized():
        yield
        return
    with _quiet():
        _start(address)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Set Ray's variables for the length of the block, but for those that the user has set."""
    added = {name: value for name, value in QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _start(address: str | None) -> None:
    """Start Ray, or join a cluster; arguments and errors as of `ray_session`."""
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address == "local":
        check_temporary_folder()
    else:
        check_answers(address)
    try:
        # Left to itself Ray counts the CPUs of the machine, also those this process may not use.
        cpus = available_cpus() if address == "local" else None
        level = logging.INFO if is_verbose() else logging.ERROR
        ray.init(address=address, num_cpus=cpus, logging_level=level, log_to_driver=is_verbose())
    except Exception as error:  # Ray raises bare ones too
        raise no_start(address, error) from None


def cluster_size() -> dict[str, float]:
    """The CPUs and GPUs that the cluster has, or can grow to if it adds nodes on demand."""
    there = ray.cluster_resources()
    return {
        kind: max(there.get(kind, 0.0), there.get(f"{GROWS_TO}{kind}", 0.0))
        for kind in ("CPU", "GPU")
    }


def check_resources(resources: Resources) -> None:
    """Refuse a trial that no cluster of this size can ever run.

    Raises:
        InputError: The trial asks for more CPUs or GPUs than the cluster has or can grow to.
    """
    there = cluster_size()
    for kind, key, each in (
        ("CPU", "cpus_per_worker", resources.cpus_per_worker),
        ("GPU", "gpus_per_worker", resources.gpus),
    ):
        needed = each * resources.workers
        if needed > there[kind]:
            raise InputError(
                f"a trial asks for {needed:g} {kind} (resources.workers {resources.workers}, "
                f"resources.{key} {getattr(resources, key)}), but the cluster has "
                f"{there[kind]:g}: {_way_out(kind, there[kind])}"
            )


def _way_out(kind: str, there: float) -> str:
    if kind == "GPU" and not there:
        return "to use CPUs give --set resources.gpus_per_worker=0 (pckd probe: --gpus 0)"
    return f"lower one of the two, or use a cluster with more {kind}s"


def check_shared(storage: Storage) -> None:
    """Refuse a results root that is a folder, unless every node of the cluster sees it.

    Only nodes that are up now are asked; a node that dies meanwhile is ignored.

    Raises:
        InputError: One or more do not; they are named.
    """
    if not storage.is_local or len(_nodes()) < 2:
        return
    mark = f".seen-{uuid.uuid4().hex}"
    storage.write(mark, b"")
    try:
        seen = _ask_nodes(_sees, storage.full_path(mark))
    finally:
        storage.delete(mark)
    blind = [address for address, sees in seen if not sees]
    if blind:
        raise InputError(
            f"results root {storage.root} is not the same folder on {', '.join(blind)}: give "
            "--results a filesystem URI such as s3://BUCKET/results, or a folder that all share"
        )


def check_plugins() -> None:
    """Import this process's plug-ins on every node, before anything is trained there.

    Raises:
        InputError: One cannot be imported on some node, for example because a package is missing.
    """
    plugins = loaded_plugins()
    if not plugins:
        return
    for address, fault in _ask_nodes(_imports, plugins):
        if fault:
            raise InputError(f"on node {address}: {fault}")


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _ask_nodes(task: Any, argument: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    """Ask each node by a task; return the nodes' addresses, each with its answer.

    Of a node that goes away meanwhile no answer is awaited: nothing will be trained there.
    """
    nodes = _nodes()
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    asked = [task.options(scheduling_strategy=place).remote(argument) for place in places]
    answers = []
    for node, each in zip(nodes, asked, strict=True):
        with suppress(*GONE):
            answers.append((node["NodeManagerAddress"], ray.get(each)))
    return answers


@ray.remote(num_cpus=0)
def _sees(path: str) -> bool:
    return Path(path).exists()


@ray.remote(num_cpus=0)
def _imports(plugins: list[Plugin]) -> str | None:
    try:
        load_plugins(plugins)
    except InputError as error:
        return str(error)
    return None


def trials_at_once(resources: Resources) -> int:
    """Number of trials that the cluster can train side by side, at least 1."""
    there = cluster_size()
    by_cpu = there["CPU"] / (resources.cpus_per_worker * resources.workers)
    if not resources.gpus:
        return max(1, int(by_cpu))
    by_gpu = int(1 / resources.gpus) * there["GPU"] / resources.workers
    return max(1, int(min(by_cpu, by_gpu)))
