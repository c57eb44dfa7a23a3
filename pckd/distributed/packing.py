"""Measurement of each trial's share of a GPU, before the trials of a study run."""

from collections.abc import Callable

import ray

from pckd.distributed.tasks import assigned_device
from pckd.study.packing import GIBIBYTE, gpu_share, peak_gpu_memory
from pckd.study.placement import Placement
from pckd.study.resources import Resources
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig


def measured_resources(spec: StudySpec, say: Callable[[str], None]) -> Resources:
    """Return the resources of one trial, its share of a GPU measured if the study asks for that.

    The run that the study starts from trains a few steps alone on a GPU, once for each pair of
    teacher and student; the hungriest pair decides.

    Args:
        spec: The study.
        say: Is told the outcome.

    Raises:
        RunError: A trial takes more than a GPU has.
    """
    resources = spec.resources
    if resources.gpus_per_worker != "auto":
        return resources
    source = f"study {spec.study}"
    configs = [spec.run_config(pair, source) for pair in spec.pair_changes()]
    task = _memory_task.options(num_cpus=resources.cpus_per_worker, num_gpus=1)
    waiting = [task.remote(config, resources.cpus_per_worker) for config in configs]
    try:
        peak, total = max(ray.get(waiting))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    share = gpu_share(peak, total)
    say(
        f"a trial takes {peak / GIBIBYTE:.1f} of {total / GIBIBYTE:.1f} GiB: {int(1 / share)} "
        f"share a GPU (resources.gpus_per_worker {share:g})"
    )
    return resources.model_copy(update={"gpus_per_worker": share})


@ray.remote
def _memory_task(config: RunConfig, threads: int) -> tuple[int, int]:
    return peak_gpu_memory(config, Placement(assigned_device(), threads))
