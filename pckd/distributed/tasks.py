"""Single Ray tasks: training a teacher, preparing a term, and looking at trained networks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ray
import torch

from pckd.distributed.workers import train_on_workers
from pckd.errors import RunError
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.storage import Storage
from pckd.study.pictures.stage import PictureTask
from pckd.study.placement import Placement
from pckd.study.preparations import prepare
from pckd.study.probe_task import ProbeTask
from pckd.study.resources import Resources
from pckd.study.teachers import train_teacher
from pckd.study.trial import Trial, trial_from_json, trial_to_json
from pckd.training.preparations import PreparationTask


def assigned_device() -> torch.device:
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
    sent = [(trial_to_json(trial), storage.root) for trial in trials]
    _collect(_started(_teacher_task, sent, resources), on_wait)


def prepare_all(
    tasks: Sequence[PreparationTask],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> None:
    """Do preparations as Ray tasks, side by side as resources allow.

    Args:
        tasks: Of `pckd.study.preparations.missing_preparations`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.

    Raises:
        RunError: A preparation failed.
    """
    sent = [(task, storage.root) for task in tasks]
    _collect(_started(_preparation_task, sent, resources), on_wait)


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


def run_tasks(
    tasks: Sequence[ProbeTask] | Sequence[PictureTask],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> list[str]:
    """Run tasks on trained networks as Ray tasks, packed as resources allow.

    Args:
        tasks: Each writes what it finds to the results root.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.

    Returns:
        What is wrong with those that failed; they do not keep the others from their end.

    Raises:
        InputError: A network or images are not there or do not suit.
    """
    plugins = loaded_plugins()
    sent = [(plugins, task, storage.root) for task in tasks]
    failures = _collect(_started(_task, sent, resources), on_wait)
    return [failure for failure in failures if failure]


def _started(
    function: Any,  # noqa: ANN401, a remote function of Ray
    sent: Iterable[tuple[Any, ...]],
    resources: Resources,
) -> list["ray.ObjectRef[Any]"]:
    """Start a Ray task for each tuple of arguments; the number of threads comes last."""
    placed = function.options(num_cpus=resources.cpus_per_worker, num_gpus=resources.gpus)
    return [placed.remote(*arguments, resources.cpus_per_worker) for arguments in sent]


def _collect(waiting: list["ray.ObjectRef[Any]"], on_wait: Callable[[int], None]) -> list[Any]:
    """Return the results of the tasks in the order in which they end."""
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
    train_teacher(trial_from_json(trial), Storage(root), Placement(assigned_device(), threads))


@ray.remote
def _preparation_task(task: PreparationTask, root: str, threads: int) -> None:
    prepare(task, Storage(root), Placement(assigned_device(), threads))


@ray.remote(num_cpus=0)
def _spread_task(trial: str, root: str, resources: Resources) -> None:
    train_on_workers(trial_from_json(trial), Storage(root), resources)


@ray.remote
def _task(
    plugins: list[Plugin], task: ProbeTask | PictureTask, root: str, threads: int
) -> str | None:
    load_plugins(plugins)
    try:
        task.run(Storage(root), assigned_device(), threads)
    except RunError as error:
        return f"{task}: {error}"
    return None
