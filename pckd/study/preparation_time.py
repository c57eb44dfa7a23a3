"""Time of a study's preparations, extrapolated from a few timed steps of each distinct one."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from statistics import median
from time import perf_counter

import torch

from pckd.study.estimate import (
    ROUNDS,
    TIMED,
    WARM_UP,
    first_images,
    patience_for,
    untrained_teacher,
)
from pckd.study.placement import Placement
from pckd.training.config import RunConfig
from pckd.training.preparations import PreparationTask
from pckd.training.preparing import Preparing, preparation_of, recipe_of
from pckd.training.record import DivergedError
from pckd.training.run_data import prepare_data


def preparation_seconds(tasks: Iterable[PreparationTask], placement: Placement) -> float:
    """Seconds of some preparations, one after the other, on one worker of this machine.

    Raises:
        InputError: A data set cannot be opened.
    """
    torch.set_num_threads(placement.threads)
    alike: dict[str, list[PreparationTask]] = defaultdict(list)
    for task in tasks:
        alike[_what_takes_time(task.config, task.term)].append(task)
    patience = patience_for(len(alike))
    return sum(
        _epoch_seconds(group[0], placement, patience) * sum(task.epochs for task in group)
        for group in alike.values()
    )


def _what_takes_time(config: RunConfig, term: str) -> str:
    """Key of a preparation, the same for those whose epochs take equally long."""
    student = config.student if preparation_of(term).student_learns else None
    teacher = config.teacher.model if config.teacher else None
    recipe = recipe_of(config, term)
    shape = (recipe.batch_size, recipe.accumulation, recipe.precision)
    return repr((term, config.data, config.protocol, teacher, student, *shape))


def _epoch_seconds(task: PreparationTask, placement: Placement, patience: float) -> float:
    """Seconds of an epoch, from warm steps over full batches with a teacher that learnt nothing."""
    config, teacher = task.config, task.config.teacher
    if teacher is None:
        raise ValueError(f"{task} has no teacher")
    data = prepare_data(config.data, config.protocol)
    network = untrained_teacher(teacher.model, data)
    preparing = Preparing(config, task.term, data, network, placement.device)
    whole, batch = preparing.data, preparing.recipe.batch_size
    warm, timed = (first_images(whole.train, count * batch) for count in (WARM_UP, TIMED))
    preparing.data = replace(whole, train=warm)
    _train(preparing)
    preparing.data = replace(whole, train=timed)
    seconds: list[float] = []
    while len(seconds) < ROUNDS and sum(seconds) < patience:
        seconds.append(_train(preparing))
    return median(seconds) * len(whole.train) / len(timed)


def _train(preparing: Preparing) -> float:
    """Seconds of an epoch; a loss that overflows takes as long as any other."""
    started = perf_counter()
    with suppress(DivergedError):
        preparing.train_epoch()
    return perf_counter() - started
