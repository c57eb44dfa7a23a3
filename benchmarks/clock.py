"""Time that a contender is charged."""

import time

import torch


def now(device: torch.device) -> float:
    """Seconds: of the processor time of this process on the CPU, of the wall on a GPU.

    On the CPU all contenders use one thread and no other process, and work that other programs do
    meanwhile is not charged. On a GPU the clock is read once the device has nothing left to do.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()
