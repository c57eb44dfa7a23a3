"""Teachers and preparations of some runs, done in this process before the runs."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from pckd.errors import RunError
from pckd.files import LockHeldError
from pckd.storage import Storage
from pckd.study.placement import Placement
from pckd.study.preparations import prepare
from pckd.study.teachers import train_teacher
from pckd.study.trial import Trial
from pckd.training.preparations import PreparationTask
from pckd.training.record import EpochRecord
from pckd.training.teachers import TeacherCard
from pckd.words import rough_duration

Say = Callable[[str], None]
Task = TypeVar("Task")
Result = TypeVar("Result")


def train_teachers_here(
    trials: Iterable[Trial], storage: Storage, placement: Placement, say: Say
) -> list[TeacherCard]:
    """Train teachers one after another, or wait for those that other processes train.

    Args:
        trials: Of `pckd.study.teachers.untrained_teachers`.
        storage: The results root.
        placement: Where to compute.
        say: Is told each epoch, and that the process waits.

    Returns:
        The teachers, in the order in which they were there.

    Raises:
        RunError: A training failed; the reason is named.
    """

    def train(trial: Trial, on_wait: Callable[[], None]) -> TeacherCard:
        return train_teacher(trial, storage, placement, epoch_line(trial, say), on_wait)

    def waits(trial: Trial) -> None:
        say(f"teacher {trial.case}: another process trains it; waiting for that")

    return _free_ones_first(trials, train, waits)


def prepare_here(
    tasks: Iterable[PreparationTask], storage: Storage, placement: Placement, say: Say
) -> None:
    """Do preparations one after another, or wait for those that other processes do.

    One that fails is said and left out: the trials that need it fail, and no others.

    Args:
        tasks: Of `pckd.study.preparations.undone`.
        storage: The results root, with the trained teachers.
        placement: Where to compute.
        say: Is told each epoch, and that the process waits.
    """

    def do(task: PreparationTask, on_wait: Callable[[], None]) -> None:
        last = time.monotonic()

        def show(epoch: int, loss: float) -> None:
            nonlocal last
            before, last = last, time.monotonic()
            left = _left(task.epochs - epoch, last - before)
            say(f"preparation {task}: epoch {epoch} of {task.epochs}, loss {loss:.4g}{left}")

        try:
            prepare(task, storage, placement, show, on_wait)
        except RunError as error:
            say(f"preparation {error}")

    def waits(task: PreparationTask) -> None:
        say(f"preparation {task}: another process does it; waiting for that")

    _free_ones_first(tasks, do, waits)


def epoch_line(trial: Trial, say: Say) -> Callable[[EpochRecord], None]:
    """A callback that says each epoch of a trial in a line."""

    def show(record: EpochRecord) -> None:
        say(epoch_text(trial, record.epoch, record.top1, record.seconds))

    return show


def epoch_text(trial: Trial, epoch: int, top1: float, seconds: float) -> str:
    """A finished epoch in words, with the time that is left.

    Args:
        trial: The trial.
        epoch: From 1.
        top1: Percent.
        seconds: Of an epoch.
    """
    epochs = trial.config.optimization.epochs
    left = _left(epochs - epoch, seconds)
    return f"{trial.config.student}: epoch {epoch} of {epochs}, top-1 {top1:.2f} %{left}"


def _left(epochs: int, seconds: float) -> str:
    """The time that some epochs of this length take, at the end of a line; '' below a second."""
    return f", about {rough_duration(epochs * seconds)} left" if epochs * seconds >= 1 else ""


def _free_ones_first(
    tasks: Iterable[Task],
    do: Callable[[Task, Callable[[], None]], Result],
    waits: Callable[[Task], None],
) -> list[Result]:
    """Do the free tasks first, then wait for those that other processes hold.

    Args:
        tasks: What is to be done.
        do: Does a task; calls its second argument before it waits for another process.
        waits: Says that a task is waited for.
    """

    def give_way() -> None:
        raise LockHeldError

    results, held = [], []
    for task in tasks:
        try:
            results.append(do(task, give_way))
        except LockHeldError:
            held.append(task)
    return results + [do(task, partial(waits, task)) for task in held]
