"""Starting and ending Ray, quietly."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from pckd.errors import InputError, RunError
from pckd.study.spec import Resources

TRIAL_SLOT = "trial_slot"
"""A resource of the head node: the driver of a trial of several workers takes one, and no CPU.

A driver that held a CPU would starve the very workers that it waits for."""

TRIAL_SLOTS = 10_000

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


@contextmanager
def ray_session(address: str | None) -> Iterator[None]:
    """Ray, for as long as the block runs; a session that runs already is used and left running.

    Args:
        address: Of a running cluster, or "auto"; None starts one on this machine, unless the
            environment variable RAY_ADDRESS names one.

    Raises:
        RunError: The cluster cannot be reached.
    """
    if ray.is_initialized():
        yield
        return
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    address = address or os.environ.get("RAY_ADDRESS")
    start = {} if address else {"resources": {TRIAL_SLOT: TRIAL_SLOTS}}
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            **start,
        )
    except (ConnectionError, ValueError) as error:
        raise RunError(f"Ray cluster {address} cannot be reached: {error}") from None
    try:
        yield
    finally:
        ray.shutdown()


def check_resources(resources: Resources) -> None:
    """Refuse a trial that no cluster of this size can ever run.

    Raises:
        InputError: The trial asks for more CPUs or GPUs than the cluster has.
    """
    there = ray.cluster_resources()
    for kind, each in (("CPU", resources.cpus_per_worker), ("GPU", resources.gpus_per_worker)):
        needed = each * resources.workers
        if needed > there.get(kind, 0.0):
            raise InputError(
                f"resources ask for {needed:g} {kind} a trial "
                f"({resources.workers} workers of {each:g}), but the cluster has "
                f"{there.get(kind, 0.0):g}"
            )


def trials_at_once(resources: Resources) -> int:
    """How many trials the cluster can train side by side, at least 1."""
    there = ray.cluster_resources()
    by_cpu = there.get("CPU", 0.0) / (resources.cpus_per_worker * resources.workers)
    if not resources.gpus_per_worker:
        return max(1, int(by_cpu))
    by_gpu = there.get("GPU", 0.0) / (resources.gpus_per_worker * resources.workers)
    return max(1, int(min(by_cpu, by_gpu)))
