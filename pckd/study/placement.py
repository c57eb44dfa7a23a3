"""Device and threads of one process of a trial."""

from dataclasses import dataclass, field

import torch

from pckd.machine import available_cpus
from pckd.training.group import Group, LocalGroup


@dataclass(frozen=True, slots=True)
class Placement:
    """Device and threads of one process of a trial."""

    device: torch.device
    threads: int
    """CPU threads of this process."""
    group: Group = field(default_factory=LocalGroup)
    bank_bytes: int | None = None
    """Bound on all teacher feature banks of this machine, None for the default."""


def this_device() -> torch.device:
    """Choose the first GPU of this machine, or the CPU if there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_for(gpus: float) -> torch.device:
    """Choose the device of a trial that takes so many GPUs: the CPU where it takes or has none."""
    return this_device() if gpus else torch.device("cpu")


def this_process() -> Placement:
    """Place a trial in this process, with all CPUs it may use and the first GPU if there is one."""
    return Placement(this_device(), available_cpus())
