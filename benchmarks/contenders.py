"""The peers' loop and the product: seconds of training on the same images."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from unittest import mock

import torch

from benchmarks.clock import now
from benchmarks.pairs import Measurement
from benchmarks.reference_data import ReferenceLoader
from benchmarks.reference_loop import ReferenceLoop
from pckd.models import Network, create_model
from pckd.training.config import RunConfig
from pckd.training.run import Run
from pckd.training.run_data import RunData

CPU = torch.device("cpu")
GPU_WORKERS = 8
"""Processes of the peers' loader on a GPU; on the CPU its work is done, and charged, in place."""


def reference_epoch(
    config: RunConfig, data: RunData, teacher: Network, device: torch.device
) -> Measurement:
    """One epoch of the peers' loop."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        student = create_model(config.student, num_classes=data.num_classes)
        loop = ReferenceLoop(config, student, deepcopy(teacher), device)
    workers = GPU_WORKERS if device.type == "cuda" else 0
    loader = ReferenceLoader(data, config.optimization.batch_size, workers)

    def measure() -> float:
        started = now(device)
        loop.train_epoch(loader, epoch=1)
        return now(device) - started

    return measure


def product_epoch(
    config: RunConfig, data: RunData, teacher: Network, device: torch.device
) -> Measurement:
    """One epoch of a `Run`, evaluation of a few images included.

    It is always epoch 1, so that a bank is warm after the first time.
    """
    run = Run(config, data, teacher, device)

    def measure() -> float:
        run.epoch = 0
        started = now(device)
        run.train_epoch()
        return now(device) - started

    return measure


@contextmanager
def fresh_banks() -> Iterator[None]:
    """A block in which banks are looked for and made in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PCKD_CACHE=folder):
        yield
