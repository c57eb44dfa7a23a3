"""Preparations before the trials of a study, each done once for all trials that share it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch

from pckd.errors import RunError
from pckd.method.preparation import Prepared
from pckd.storage import Storage
from pckd.study.placement import Placement
from pckd.study.plan import study_runs
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.named_teacher import known_teacher
from pckd.training.preparations import FOLDER, PreparationStore, PreparationTask, preparation_task
from pckd.training.preparing import Preparing
from pckd.training.record import DivergedError
from pckd.training.run_data import prepare_data
from pckd.training.task import fitting_terms, task_of
from pckd.training.teachers import TeacherStore


def missing_preparations(spec: StudySpec, storage: Storage) -> list[PreparationTask]:
    """The preparations that a study needs and that are not done.

    Of a search, those of `study_runs`: a trial that needs another prepares itself.
    Of seeds until clear, those of every seed that there can be.

    Raises:
        InputError: Some case gives no valid run, or a data set cannot be opened.
    """
    return _missing(spec, spec.seeds, storage)


def first_preparations(spec: StudySpec, storage: Storage) -> list[PreparationTask]:
    """The missing preparations that come before all trials of a study.

    They leave out the seeds that may never be needed: their trials prepare themselves.

    Raises:
        InputError: Some case gives no valid run, or a data set cannot be opened.
    """
    clear = spec.until_clear
    return _missing(spec, spec.seeds[: clear.at_least] if clear else spec.seeds, storage)


def _missing(spec: StudySpec, seeds: Sequence[int], storage: Storage) -> list[PreparationTask]:
    runs = [run.model_copy(update={"seed": seed}) for run in study_runs(spec) for seed in seeds]
    return undone(runs, storage)


def undone(configs: Iterable[RunConfig], storage: Storage) -> list[PreparationTask]:
    """The distinct preparations of some runs that are not done.

    Raises:
        InputError: A data set cannot be opened, or a teacher does not suit its run.
    """
    store = PreparationStore(storage)
    tasks = {task.key: task for config in configs for task in preparations_of(config, storage)}
    return [task for key, task in tasks.items() if not store.holds(key)]


def preparations_of(config: RunConfig, storage: Storage) -> list[PreparationTask]:
    """The preparations of a run, done or not.

    Raises:
        InputError: The data set cannot be opened, or the teacher does not suit the run.
    """
    if not config.loss.prepared:
        return []
    card = known_teacher(config, TeacherStore(storage))
    teacher = run_identity(config.teacher_run()) if card is None else card.hash
    data = prepare_data(config.data, config.protocol)
    terms, _ = fitting_terms(config.loss, task_of(config, data))
    return [
        preparation_task(config, name, teacher) for name in config.loss.prepared if name in terms
    ]


def prepared_for(
    config: RunConfig, storage: Storage, placement: Placement
) -> Mapping[str, Prepared]:
    """All that a run's terms take over, prepared here where it is missing.

    Raises:
        RunError: A preparation failed; the reason is named.
    """
    return {
        task.term: prepare(task, storage, placement) for task in preparations_of(config, storage)
    }


def prepare(
    task: PreparationTask,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Prepared:
    """Do a preparation, or go on with it, and keep its result.

    Of several processes that want the same one, one does it while the others wait, if the results
    root is local. Elsewhere there is no lock: each may do it, to the same numbers.

    Args:
        task: Of `preparations_of`.
        storage: The results root, with the trained teacher.
        placement: Where to compute; one process does all of it.
        on_epoch: Called after each epoch with its number and mean loss.
        on_wait: Called before waiting for another process.

    Raises:
        InputError: The teacher has not been trained yet.
        RunError: The preparation failed; the reason is named.
    """
    store = PreparationStore(storage)
    with storage.lock(f"{FOLDER}/locks/{task.key}", on_wait):
        if store.holds(task.key):
            return store.load(task.key)
        torch.set_num_threads(placement.threads)
        preparing = _begun(task, storage, placement)
        while not preparing.finished:
            try:
                loss = preparing.train_epoch()
            except DivergedError as error:
                key = f"loss.{task.term}.preparation.learning_rate"
                raise RunError(f"{task}: {error}; give {key} a smaller value") from None
            store.save(task, preparing)
            on_epoch(len(preparing.losses), loss)
        return store.finish(task, preparing)


def _begun(task: PreparationTask, storage: Storage, placement: Placement) -> Preparing:
    teachers = TeacherStore(storage)
    card = known_teacher(task.config, teachers)
    if card is None:
        raise RunError(f"the teacher of {task} has not been trained yet")
    data = prepare_data(task.config.data, task.config.protocol)
    network = teachers.load(card).network(placement.device)
    preparing = Preparing(task.config, task.term, data, network, placement.device)
    PreparationStore(storage).restore(task.key, preparing)
    return preparing
