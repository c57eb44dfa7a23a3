"""Single Ray tasks: training a teacher, probing a student."""

from collections.abc import Callable, Sequence

import ray
import torch

from pckd.distributed.workers import train_on_workers
from pckd.storage import Storage
from pckd.study.probing import ProbeTask, run_probe
from pckd.study.rows import Placement
from pckd.study.spec import Resources
from pckd.study.teachers import train_teacher
from pckd.study.trial import Trial, trial_from_json, trial_to_json


def this_device() -> torch.device:
    """The device that Ray assigned to this process: its first GPU, or the CPU."""
    return torch.device("cuda", 0) if ray.get_gpu_ids() else torch.device("cpu")


def train_teachers(
    trials: Sequence[Trial],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> None:
    """Train teachers as Ray tasks, side by side as resources allow.

    Args:
        trials: Of `pckd.study.teachers.missing_teachers`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.

    Raises:
        RunError: A training failed.
    """
    options = _options(resources)
    waiting = [
        _teacher_task.options(**options).remote(
            trial_to_json(trial), storage.root, resources.cpus_per_worker
        )
        for trial in trials
    ]
    _collect(waiting, on_wait)


def train_spread(
    trial: Trial, storage: Storage, resources: Resources, on_wait: Callable[[int], None]
) -> None:
    """Train one trial over several workers while this process watches.

    Args:
        trial: What to train.
        storage: The results root.
        resources: Workers, and what each takes.
        on_wait: Called about once a second.
    """
    _collect([_spread_task.remote(trial_to_json(trial), storage.root, resources)], on_wait)


def run_probes(
    tasks: Sequence[ProbeTask],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> None:
    """Run probes as Ray tasks, packed as resources allow; each writes its own row.

    Args:
        tasks: Of `pckd.study.probing.probe_tasks`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.
    """
    options = _options(resources)
    waiting = [
        _probe_task.options(**options).remote(task, storage.root, resources.cpus_per_worker)
        for task in tasks
    ]
    _collect(waiting, on_wait)


def _options(resources: Resources) -> dict[str, float]:
    return {"num_cpus": resources.cpus_per_worker, "num_gpus": resources.gpus_per_worker}


def _collect(waiting: list["ray.ObjectRef[None]"], on_wait: Callable[[int], None]) -> None:
    total = len(waiting)
    while waiting:
        done, waiting = ray.wait(waiting, timeout=1.0)
        on_wait(total - len(waiting))
        try:
            ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None


@ray.remote
def _teacher_task(trial: str, root: str, threads: int) -> None:
    train_teacher(trial_from_json(trial), Storage(root), Placement(this_device(), threads))


@ray.remote(num_cpus=0)
def _spread_task(trial: str, root: str, resources: Resources) -> None:
    train_on_workers(trial_from_json(trial), Storage(root), resources)


@ray.remote
def _probe_task(task: ProbeTask, root: str, threads: int) -> None:
    run_probe(task, Storage(root), this_device(), threads)
