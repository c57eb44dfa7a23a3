"""Single Ray tasks: training a teacher, probing a student, keeping pictures of one."""

from collections.abc import Callable, Sequence
from typing import Any

import ray
import torch

from pckd.distributed.workers import train_on_workers
from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.pictures.content import make_pictures
from pckd.study.pictures.stage import PictureTask
from pckd.study.probe_task import ProbeTask, run_probe
from pckd.study.resources import Resources
from pckd.study.rows import Placement
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
) -> list[str]:
    """Run probes as Ray tasks, packed as resources allow; each writes its own row.

    Args:
        tasks: Of `pckd.study.probing`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.

    Returns:
        What is wrong with those whose fit failed; they do not keep the others from their end.

    Raises:
        InputError: A network or a target is not there or does not suit.
    """
    options = _options(resources)
    waiting = [
        _probe_task.options(**options).remote(task, storage.root, resources.cpus_per_worker)
        for task in tasks
    ]
    return [failure for failure in _collect(waiting, on_wait) if failure]


def run_pictures(
    tasks: Sequence[PictureTask],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> None:
    """Keep pictures of students as Ray tasks, packed as resources allow; each writes its file.

    Args:
        tasks: Of `pckd.study.pictures.stage.picture_tasks`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.
    """
    options = _options(resources)
    waiting = [
        _picture_task.options(**options).remote(task, storage.root, resources.cpus_per_worker)
        for task in tasks
    ]
    _collect(waiting, on_wait)


def _options(resources: Resources) -> dict[str, float]:
    return {"num_cpus": resources.cpus_per_worker, "num_gpus": resources.gpus}


def _collect(waiting: list["ray.ObjectRef[Any]"], on_wait: Callable[[int], None]) -> list[Any]:
    """What the tasks return, in the order in which they end."""
    total = len(waiting)
    results: list[Any] = []
    while waiting:
        done, waiting = ray.wait(waiting, timeout=1.0)
        on_wait(total - len(waiting))
        try:
            results += ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
    return results


@ray.remote
def _teacher_task(trial: str, root: str, threads: int) -> None:
    train_teacher(trial_from_json(trial), Storage(root), Placement(this_device(), threads))


@ray.remote(num_cpus=0)
def _spread_task(trial: str, root: str, resources: Resources) -> None:
    train_on_workers(trial_from_json(trial), Storage(root), resources)


@ray.remote
def _probe_task(task: ProbeTask, root: str, threads: int) -> str | None:
    try:
        run_probe(task, Storage(root), this_device(), threads)
    except RunError as error:
        network = task.network
        return f"{network.role} {network.trial} ({network.model}) on {task.target.name}: {error}"
    return None


@ray.remote
def _picture_task(task: PictureTask, root: str, threads: int) -> None:
    make_pictures(task.trial, task.teacher, task.stage, Storage(root), this_device(), threads)
