"""Number of trials that share a GPU: as many as fit, by the measured memory of one."""

from dataclasses import replace

import torch

from pckd.errors import RunError
from pckd.study.estimate import first_images, untrained_run
from pckd.study.placement import Placement
from pckd.training.config import RunConfig
from pckd.training.evaluation import BATCH
from pckd.words import gibibytes

MARGIN = 0.1
"""Share of a GPU's memory left free: a trial's memory varies from step to step."""

MOST = 100
"""Largest number of trials on one GPU: Ray counts shares in four decimals."""

BRIEF_STEPS = 3
"""Steps after which the optimizer's state and the libraries' workspaces are allocated."""


def gpu_share(peak: int, total: int) -> float:
    """The share of a GPU that makes Ray pack as many trials on it as fit its memory.

    Args:
        peak: Bytes that one trial takes at most, the process's own overhead among them.
        total: Bytes of the GPU.

    Returns:
        1 / n for n trials, rounded down to Ray's four decimals.

    Raises:
        RunError: Not even one fits beside the margin.
    """
    fitting = min(int(total * (1 - MARGIN)) // peak, MOST)
    if not fitting:
        raise RunError(
            f"one trial takes {gibibytes(peak)} of a GPU's {gibibytes(total)}, of which "
            f"{MARGIN:.0%} stay free: lower optimization.batch_size, or set "
            "resources.gpus_per_worker to 1"
        )
    return int(10_000 / fitting) / 10_000


def train_briefly(config: RunConfig, placement: Placement) -> None:
    """Train a few steps and evaluate one batch, with all images on the device as in the real run.

    Raises:
        InputError: The data set cannot be opened.
    """
    torch.set_num_threads(placement.threads)
    run = untrained_run(config, placement)
    whole = run.data
    train = first_images(whole.train, BRIEF_STEPS * config.optimization.batch_size)
    run.data = replace(whole, train=train, evaluation=first_images(whole.evaluation, BATCH))
    run.train_epoch()
    run.data = whole


def peak_gpu_memory(config: RunConfig, placement: Placement) -> tuple[int, int]:
    """Peak GPU memory of one trial and the memory of the GPU, in bytes.

    What PyTorch does not count, such as the CUDA context, is what the device misses beyond
    PyTorch's own reserve.

    Raises:
        InputError: The data set cannot be opened.
        RunError: The whole GPU is not enough.
    """
    try:
        train_briefly(config, placement)
    except torch.OutOfMemoryError as error:
        raise RunError(f"one trial takes more than a whole GPU: {error}") from None
    free, total = torch.cuda.mem_get_info(placement.device)
    beyond = total - free - torch.cuda.memory_reserved(placement.device)
    return torch.cuda.max_memory_reserved(placement.device) + beyond, total
