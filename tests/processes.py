"""Processes beside the one that runs the tests: `PROCESSES`, and `run_ranks` for two that train.

A process that is forked from one with threads may crash or wait for ever, and torch, numpy,
pyarrow and Ray start threads. These are forked from a server that has done the slow imports and
has no thread but its own.
"""

import multiprocessing
import os
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

import pckd.study.work  # noqa: F401

RANKS = 2
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
torch.set_num_threads(1)


def run_ranks(function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
    """Call a function of a module with each rank, in two processes that can communicate."""
    with TemporaryDirectory() as folder:
        given = (f"file://{folder}/meet", function, arguments)
        start_processes(_rank, given, nprocs=RANKS, start_method="forkserver")


def _rank(rank: int, meet: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    dist.init_process_group("gloo", meet, rank=rank, world_size=RANKS)
    function(rank, *arguments)
    dist.destroy_process_group()
