"""Measurement of each trial's share of a GPU, before the trials of a study run."""

from collections.abc import Callable

import ray

from pckd.distributed.ray_tasks import assigned_device, result_of
from pckd.study.estimate import what_takes_time
from pckd.study.packing import gpu_share, peak_gpu_memory
from pckd.study.placement import Placement
from pckd.study.plan import study_runs
from pckd.study.resources import Resources
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig
from pckd.words import gibibytes


def measured_resources(spec: StudySpec, say: Callable[[str], None]) -> Resources:
    """Return the resources of one trial, its share of a GPU measured if the study asks for that.

    Each distinct run of the plan trains a few steps alone on a GPU; the hungriest decides.

    Args:
        spec: The study.
        say: Is told the outcome.

    Raises:
        RunError: A trial takes more than a GPU has.
    """
    resources = spec.resources
    if resources.gpus_per_worker != "auto":
        return resources
    configs = {what_takes_time(config): config for config in study_runs(spec)}.values()
    task = _memory_task.options(num_cpus=resources.cpus_per_worker, num_gpus=1)
    waiting = [task.remote(config, resources.cpus_per_worker) for config in configs]
    peak, total = max(result_of(each, "measuring the memory of a trial") for each in waiting)
    share = gpu_share(peak, total)
    say(
        f"a trial takes {gibibytes(peak)} of a GPU's {gibibytes(total)}: {int(1 / share)} "
        f"share it (resources.gpus_per_worker {share:g})"
    )
    return resources.model_copy(update={"gpus_per_worker": share})


@ray.remote
def _memory_task(config: RunConfig, threads: int) -> tuple[int, int]:
    return peak_gpu_memory(config, Placement(assigned_device(), threads))
