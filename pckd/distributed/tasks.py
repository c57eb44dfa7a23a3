"""Single Ray tasks: training a teacher, preparing a term, and looking at trained networks."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import ray
import ray.train
import torch

from pckd.distributed.session import trials_at_once
from pckd.distributed.workers import train_on_workers
from pckd.errors import RunError, first_line
from pckd.plugins import Plugin, load_plugins, loaded_plugins
from pckd.storage import Storage
from pckd.study.pictures.stage import PictureTask
from pckd.study.placement import Placement
from pckd.study.preparations import prepare
from pckd.study.probe_task import ProbeTask
from pckd.study.resources import Resources
from pckd.study.teachers import keep_teacher, train_teacher
from pckd.study.trial import Trial, trial_from_json, trial_to_json
from pckd.study.trial_row import failure_noted
from pckd.training.preparations import PreparationTask
from pckd.training.teachers import TeacherCard


def assigned_device() -> torch.device:
    """The device that Ray assigned to this process: its first GPU, or the CPU."""
    return torch.device("cuda", 0) if ray.get_gpu_ids() else torch.device("cpu")


def train_teachers(
    trials: Sequence[Trial],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> list[TeacherCard]:
    """Train teachers as Ray tasks, each over as many workers as a trial, side by side if they fit.

    Args:
        trials: Of `pckd.study.teachers.missing_teachers`.
        storage: The results root.
        resources: Workers, and what each takes.
        on_wait: Called about once a second with the number of finished tasks.

    Returns:
        The teachers, in the order of the trials.

    Raises:
        RunError: A training failed, or its process died; the others end, too.
    """
    at_once = len(trials) if resources.workers == 1 else trials_at_once(resources)
    cards: list[TeacherCard] = []
    while len(cards) < len(trials):
        group = trials[len(cards) : len(cards) + at_once]
        cards += _train_group(group, storage, resources, on_wait)
    return cards


def _train_group(
    trials: Sequence[Trial],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> list[TeacherCard]:
    """Train teachers for which there is room, side by side; arguments as of `train_teachers`."""
    started = {
        _start_teacher(trial_to_json(trial), storage.root, resources): (
            f"training the teacher {trial.case}"
        )
        for trial in trials
    }
    with closing(_ended(started, on_wait)) as ended:
        cards = {each: result_of(each, started[each]) for each in ended}
    return [cards[each] for each in started]


def prepare_all(
    tasks: Sequence[PreparationTask],
    storage: Storage,
    resources: Resources,
    on_wait: Callable[[int], None],
) -> list[str]:
    """Do preparations as Ray tasks, side by side as resources allow.

    Args:
        tasks: Of `pckd.study.preparations.first_preparations`.
        storage: The results root.
        resources: What one process takes.
        on_wait: Called about once a second with the number of finished tasks.

    Returns:
        What is wrong with those that failed; they do not keep the others from their end.
    """
    started = {
        _start(_preparation_task, resources, task, storage.root): f"preparation {task}"
        for task in tasks
    }
    return _failures(started, on_wait)


def train_spread(
    trial: Trial, storage: Storage, resources: Resources, on_wait: Callable[[int], None]
) -> None:
    """Train one trial over several workers while this process watches.

    Args:
        trial: What to train.
        storage: The results root.
        resources: Workers, and what each takes.
        on_wait: Called about once a second.

    Raises:
        RunError: The process that watches the workers died.
    """
    task = _spread_task.remote(trial_to_json(trial), storage.root, resources)
    with closing(_ended([task], on_wait)) as ended:
        for each in ended:
            result_of(each, f"training {trial}")


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
    started = {_start(_task, resources, plugins, task, storage.root): str(task) for task in tasks}
    return _failures(started, on_wait)


def _failures(
    started: Mapping["ray.ObjectRef[Any]", str], on_wait: Callable[[int], None]
) -> list[str]:
    """Messages of those tasks that fail, once all have ended.

    Args:
        started: What each task does, for a message.
        on_wait: Called about once a second with the number of finished tasks.
    """
    failures = []
    with closing(_ended(started, on_wait)) as ended:
        for each in ended:
            try:
                result_of(each, started[each])
            except RunError as error:
                failures.append(str(error))
    return failures


def result_of(task: "ray.ObjectRef[Any]", what: str) -> Any:  # noqa: ANN401
    """The result of a Ray task that has ended, or will.

    Args:
        task: The task.
        what: What it does, for a message.

    Raises:
        RunError: Its process died each time that Ray started it.
        Exception: Whatever the task raised.
    """
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise RunError(
            f"{what}: its process died, as it does where memory runs out: {first_line(error)}"
        ) from None


def _start(function: Any, resources: Resources, *arguments: Any) -> "ray.ObjectRef[Any]":  # noqa: ANN401
    """Start a Ray task; the number of threads is its last argument."""
    placed = function.options(num_cpus=resources.cpus_per_worker, num_gpus=resources.gpus)
    task: ray.ObjectRef[Any] = placed.remote(*arguments, resources.cpus_per_worker)
    return task


def _start_teacher(trial: str, root: str, resources: Resources) -> "ray.ObjectRef[TeacherCard]":
    if resources.workers == 1:
        return _start(_teacher_task, resources, trial, root)
    task: ray.ObjectRef[TeacherCard] = _spread_teacher_task.remote(trial, root, resources)
    return task


def _ended(
    tasks: Iterable["ray.ObjectRef[Any]"], on_wait: Callable[[int], None]
) -> Generator["ray.ObjectRef[Any]", None, None]:
    """The tasks in the order in which they end; those that nobody awaits any more are cancelled."""
    waiting = list(tasks)
    total = len(waiting)
    try:
        while waiting:
            done, waiting = ray.wait(waiting, timeout=1.0)
            on_wait(total - len(waiting))
            yield from done
    finally:
        for task in waiting:
            ray.cancel(task)


@ray.remote
def _teacher_task(trial: str, root: str, threads: int) -> TeacherCard:
    placement = Placement(assigned_device(), threads)
    return train_teacher(trial_from_json(trial), Storage(root), placement)


@ray.remote(num_cpus=0)
def _spread_teacher_task(trial: str, root: str, resources: Resources) -> TeacherCard:
    """Watch the workers that train a teacher."""
    spread, storage = trial_from_json(trial), Storage(root)
    return keep_teacher(spread, storage, lambda: _train_spread_here(spread, storage, resources))


@ray.remote
def _preparation_task(task: PreparationTask, root: str, threads: int) -> None:
    prepare(task, Storage(root), Placement(assigned_device(), threads))


@ray.remote(num_cpus=0)
def _spread_task(trial: str, root: str, resources: Resources) -> None:
    _train_spread_here(trial_from_json(trial), Storage(root), resources)


def _train_spread_here(trial: Trial, storage: Storage, resources: Resources) -> None:
    """Train a trial over several workers; whatever ends them stands in its row."""
    with failure_noted(trial, storage):
        try:
            train_on_workers(trial, storage, resources)
        except ray.train.TrainingFailedError as error:
            raise RunError(f"its workers ended: {str(error).strip().splitlines()[-1]}") from None


@ray.remote
def _task(plugins: list[Plugin], task: ProbeTask | PictureTask, root: str, threads: int) -> None:
    load_plugins(plugins)
    try:
        task.run(Storage(root), assigned_device(), threads)
    except RunError as error:
        raise RunError(f"{task}: {error}") from None
