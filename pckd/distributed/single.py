"""One run outside any study: in this process, or over several workers under Ray Train."""

from collections.abc import Callable

import torch

from pckd.distributed.session import check_resources, ray_session
from pckd.distributed.tasks import train_spread
from pckd.errors import RunError
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.alone import STUDY
from pckd.study.execution import run_trial
from pckd.study.outcome import read_outcome
from pckd.study.placement import this_process
from pckd.study.preparations import prepare, undone
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.teachers import teacher_trial, train_teacher, untrained_teachers
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.group import check_even_batches
from pckd.training.identity import run_identity
from pckd.training.preparations import PreparationTask
from pckd.training.record import EpochRecord
from pckd.training.run_checks import check_run
from pckd.training.run_data import prepare_data
from pckd.training.teachers import TeacherCard


def distill_once(config: RunConfig, storage: Storage, workers: int, display: Display) -> Trial:
    """Train one student, first its teacher and what its terms prepare, where they are missing.

    Args:
        config: The run.
        storage: The results root; the student lands in its study `runs`.
        workers: Processes; several train under Ray Train.
        display: Shows progress.

    Raises:
        InputError: The workers cannot share the batches, or are more than the machine has CPUs; or
            the teacher that the run names by its hash is not there or does not suit.
        RunError: A training failed; the reason is named.
    """
    check_run(config)
    trial = Trial(STUDY, "run", {}, config, run_identity(config))
    images = len(prepare_data(config.data, config.protocol).train)
    check_even_batches(images, config.optimization.batch_size, workers)
    for teacher in untrained_teachers([config], storage):
        _train_teacher(teacher, storage, display)
    for task in undone([config], storage):
        _prepare(task, storage, display)

    def waits() -> None:
        display.say(f"run {trial.identity}: another process trains it; waiting for that")

    with storage.lock(f"{STUDY}/locks/{trial.identity}", waits):
        if workers == 1:
            run_trial(trial, storage, this_process(), _line(trial, display))
        else:
            _under_ray(trial, storage, workers, display)
    outcome = read_outcome(trial, storage)
    if outcome.status != "completed":
        raise RunError(f"run {trial.identity} {outcome.status}: {outcome.reason}")
    return trial


def teacher_once(config: RunConfig, storage: Storage, display: Display) -> TeacherCard:
    """The teacher that a run trains; trained in this process if the store lacks it.

    Args:
        config: The teacher's own run.
        storage: The results root.
        display: Shows progress.

    Raises:
        RunError: The training failed; the reason is named.
    """
    return _train_teacher(teacher_trial(config), storage, display)


def _train_teacher(trial: Trial, storage: Storage, display: Display) -> TeacherCard:
    def waits() -> None:
        display.say(f"teacher {trial.case}: another process trains it; waiting for that")

    return train_teacher(trial, storage, this_process(), _line(trial, display), waits)


def _prepare(task: PreparationTask, storage: Storage, display: Display) -> None:
    def waits() -> None:
        display.say(f"preparation {task}: another process does it; waiting for that")

    def show(epoch: int, loss: float) -> None:
        display.say(f"preparation {task}: epoch {epoch} of {task.epochs}, loss {loss:.4g}")

    prepare(task, storage, this_process(), show, waits)


def _under_ray(trial: Trial, storage: Storage, workers: int, display: Display) -> None:
    resources = Resources(workers=workers, gpus_per_worker=float(torch.cuda.is_available()))
    store = ResultsStore(storage, trial.study)
    shown = 0

    def show(finished: int) -> None:
        nonlocal shown
        row = store.find("trials", trial.identity) or {}
        if row.get("epochs_done", 0) > shown:
            shown = row["epochs_done"]
            _say(trial, display, shown, row["last_top1"])

    with ray_session(None):
        check_resources(resources)
        train_spread(trial, storage, resources, show)


def _line(trial: Trial, display: Display) -> Callable[[EpochRecord], None]:
    def show(record: EpochRecord) -> None:
        _say(trial, display, record.epoch, record.top1)

    return show


def _say(trial: Trial, display: Display, epoch: int, top1: float) -> None:
    epochs = trial.config.optimization.epochs
    display.say(f"{trial.config.student}: epoch {epoch} of {epochs}, top-1 {top1:.2f} %")
