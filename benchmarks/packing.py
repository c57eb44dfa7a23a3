"""Trials side by side: how many, with how many threads each, train the most images a second."""

import os
import time
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import torch
from torch import multiprocessing
from torch.multiprocessing.spawn import spawn

from benchmarks.contenders import fresh_banks, product_epoch
from benchmarks.material import Pair, images, make_teacher, run_config
from pckd.training.numerics import keep_freed_memory


class Packing(NamedTuple):
    """Some trials at once on one machine."""

    trials: int
    threads: int
    """Threads of each trial."""


class Work(NamedTuple):
    """Work of each trial: plain values, for other processes."""

    pair: Pair
    optimization: dict[str, Any]
    num_images: int
    epochs: int
    device: str


def cpu_packings() -> list[Packing]:
    """One trial on all cores, and one trial a core."""
    cores = os.cpu_count() or 1
    return [Packing(1, cores), Packing(cores, 1)]


def images_per_second(packing: Packing, work: Work) -> float:
    """Images a second of all trials together; they share a warm bank and start at once."""
    context = multiprocessing.get_context("spawn")
    start, seconds = context.Barrier(packing.trials), context.SimpleQueue()
    with fresh_banks():
        arguments = (work, packing.threads, start, seconds)
        spawn(_train, arguments, nprocs=packing.trials)
    slowest: float = max(seconds.get() for _ in range(packing.trials))
    return packing.trials * work.epochs * work.num_images / slowest


def _train(
    _index: int,
    work: Work,
    threads: int,
    start: Barrier,
    seconds: "SimpleQueue[float]",
) -> None:
    """Put the seconds of the epochs after the first, which fills the bank."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    data = images(work.num_images, None)
    config = run_config(work.pair, bank=True, optimization=work.optimization)
    teacher = make_teacher(work.pair.teacher, data)
    measure = product_epoch(config, data, teacher, torch.device(work.device))
    measure()
    start.wait()
    started = time.perf_counter()
    for _ in range(work.epochs):
        measure()
    seconds.put(time.perf_counter() - started)
