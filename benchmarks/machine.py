"""Machine on which a figure was measured."""

import os
import platform
from pathlib import Path

import torch


def describe_machine() -> str:
    """Processor, cores, threads, load, versions and accelerator, on three lines."""
    lines = [
        f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s) used, "
        f"load average {os.getloadavg()[0]:.1f} at the start",
        f"Python {platform.python_version()}, torch {torch.__version__}, {platform.system()}",
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU",
    ]
    return "\n".join(lines)


def processor() -> str:
    """The processor's model, or its architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()
