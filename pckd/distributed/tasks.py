"""Ray tasks of a study: training a teacher, preparing a term, and looking at trained networks."""

from collections.abc import Callable, Sequence
from contextlib import closing

import ray
import ray.train

from pckd.distributed.ray_tasks import (
    as_they_end,
    assigned_device,
    failures_of,
    result_of,
    start_task,
)
from pckd.distributed.session import trials_at_once
from pckd.distributed.workers import train_on_workers
from pckd.errors import RunError
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
    with closing(as_they_end(started, on_wait)) as ended:
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
        One message for each task that failed; the other tasks still finish.
    """
    started = {
        start_task(_preparation_task, resources, task, storage.root): f"preparation {task}"
        for task in tasks
    }
    return failures_of(started, on_wait)


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
    with closing(as_they_end([task], on_wait)) as ended:
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
        One message for each task that failed; the other tasks still finish.

    Raises:
        InputError: A network or images are not there or do not suit.
    """
    plugins = loaded_plugins()
    started = {
        start_task(_task, resources, plugins, task, storage.root): str(task) for task in tasks
    }
    return failures_of(started, on_wait)


def _start_teacher(trial: str, root: str, resources: Resources) -> "ray.ObjectRef[TeacherCard]":
    if resources.workers == 1:
        return start_task(_teacher_task, resources, trial, root)
    task: ray.ObjectRef[TeacherCard] = _spread_teacher_task.remote(trial, root, resources)
    return task


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
    """Train a trial over several workers; an error that ends them goes into its row."""
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
