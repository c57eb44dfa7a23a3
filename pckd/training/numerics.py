"""Precision of the forward passes, and compilation."""

import ctypes
import os
from contextlib import AbstractContextManager, nullcontext
from shutil import which
from typing import TypeVar

import torch
from torch import nn

from pckd.errors import RunError
from pckd.training.config import Compile, Precision

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's malloc.h: sizes in bytes above which memory is given back, or is not taken
from the heap.
"""

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def mixed_precision(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Compute convolutions and linear layers in this precision; fp32 is PyTorch's own.

    bf16 is autocast: weights, gradients of weights and optimiser stay in full precision, and so
    does the objective. It needs no scaling of the loss, since bfloat16 has the range of float32.
    """
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, torch.bfloat16)


def keep_freed_memory() -> None:
    """Let this process keep the memory that a step frees, because the next step needs it.

    Otherwise glibc returns it to the kernel and faults it in anew, page by page: measured on a CPU
    a fifth of a step. Where there is no glibc, nothing changes.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            tune(parameter, 2**31 - 1)


def compiled(module: AnyModule, mode: Compile) -> AnyModule:
    """Compile the module in place; parameter names do not change.

    Raises:
        RunError: This machine has no C++ compiler, which torch.compile needs.
    """
    if mode == "off":
        return module
    if not any(map(which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        raise RunError(
            f"optimization.compile is {mode}, which needs a C++ compiler, and this machine has "
            "none: install g++, or set it to off"
        )
    module.compile(mode=mode)
    return module
