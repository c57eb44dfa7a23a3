"""One run outside any study: in this process, or over several workers under Ray Train."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch

from pckd.distributed.session import check_resources, ray_session
from pckd.distributed.tasks import train_spread, train_teachers
from pckd.errors import RunError
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.beforehand import epoch_line, epoch_text, prepare_here, train_teachers_here
from pckd.study.execution import run_trial
from pckd.study.names import RUNS
from pckd.study.outcome import read_outcome
from pckd.study.placement import this_process
from pckd.study.preparations import undone
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.teachers import check_teacher_workers, teacher_trial, untrained_teachers
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.run_checks import check_run, check_workers
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
    trial = Trial(RUNS, "run", {}, config, run_identity(config))
    check_workers(config, workers)
    teachers = untrained_teachers([config], storage)
    for teacher in teachers:
        check_teacher_workers(teacher, workers)
    if workers == 1:
        _here(trial, teachers, storage, display)
    else:
        _under_ray(trial, teachers, storage, workers, display)
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
    teachers = [teacher_trial(config)]
    (card,) = train_teachers_here(teachers, storage, this_process(), display.say)
    return card


def _here(trial: Trial, teachers: Sequence[Trial], storage: Storage, display: Display) -> None:
    """Train a run and what it needs in this process."""
    here = this_process()
    train_teachers_here(teachers, storage, here, display.say)
    prepare_here(undone([trial.config], storage), storage, here, display.say)
    with _alone(trial, storage, display):
        run_trial(trial, storage, here, epoch_line(trial, display.say))


def _under_ray(
    trial: Trial, teachers: Sequence[Trial], storage: Storage, workers: int, display: Display
) -> None:
    """Train a run and its teacher over several workers; preparations take one process."""
    resources = Resources(workers=workers, gpus_per_worker=float(torch.cuda.is_available()))
    with ray_session(None):
        check_resources(resources)
        for teacher in teachers:
            train_teachers([teacher], storage, resources, _epoch_lines(teacher, storage, display))
        prepare_here(undone([trial.config], storage), storage, this_process(), display.say)
        with _alone(trial, storage, display):
            train_spread(trial, storage, resources, _epoch_lines(trial, storage, display))


def _alone(trial: Trial, storage: Storage, display: Display) -> AbstractContextManager[None]:
    """Hold the lock of a run for the length of the block; say so before waiting for it."""

    def waits() -> None:
        display.say(f"run {trial.identity}: another process trains it; waiting for that")

    return storage.lock(f"{RUNS}/locks/{trial.identity}", waits)


def _epoch_lines(trial: Trial, storage: Storage, display: Display) -> Callable[[int], None]:
    """A callback, called once a second, that says the last epoch of a trial that others train."""
    store = ResultsStore(storage, trial.study)
    shown = 0

    def show(finished: int) -> None:
        nonlocal shown
        row = store.find("trials", trial.identity) or {}
        if row.get("epochs_done", 0) > shown:
            shown = row["epochs_done"]
            seconds = row["seconds"] / shown
            display.say(epoch_text(trial, shown, row["last_top1"], seconds))

    return show
