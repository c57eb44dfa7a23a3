"""Memory of a trial beyond the bank and the images, which all trials of a machine share.

Each figure comes from a fresh process, set up as that of a trial: the peak of its resident memory
over two epochs, less that before it makes the networks. It holds both networks, the optimiser and
the activations of one batch, so the batch bounds it, not the number of images.
"""

import re
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.contenders import CPU, fresh_banks, product_epoch
from benchmarks.material import Pair, images, make_teacher, run_config
from pckd.training.numerics import keep_freed_memory

IMAGES = 64
"""One batch; what a bank holds for it, 10 MB at most, is part of the figure."""
STATUS = Path("/proc/self/status")
"""File in which Linux tells the peak; other systems do not have it."""


def trial_memory(pair: Pair, **changes: Any) -> float:  # noqa: ANN401
    """MiB of a trial on the CPU with batches of 64 images, in fp32.

    Args:
        pair: The networks.
        changes: Keys of the run that differ from the recipe.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(_measure, pair, changes).result()


def _measure(pair: Pair, changes: Mapping[str, Any]) -> float:
    torch.set_num_threads(1)
    keep_freed_memory()
    data = images(IMAGES, None)
    before = _peak()
    config = run_config(pair, **changes)
    with fresh_banks():
        measure = product_epoch(config, data, make_teacher(pair.teacher, data), CPU)
        measure()
        measure()
    return _peak() - before


def _peak() -> float:
    """The highest resident memory of this process so far, MiB."""
    found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) / 1024
