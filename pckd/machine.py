"""The machine that this process may use: CPUs, memory, and the folder of its cache."""

import os
from contextlib import suppress
from pathlib import Path

CGROUP_MEMORY = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Files in which Linux tells a container its limit: version 2 of control groups, then version 1."""


def available_cpus() -> int:
    """Number of CPUs that this process's affinity and its container's quota allow; 1 or more."""
    import joblib

    return int(joblib.cpu_count())


def available_memory() -> int:
    """Bytes of memory of this machine, or of its container if that has less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in CGROUP_MEMORY:
        with suppress(OSError, ValueError):  # no container, or "max"
            limits.append(int(file.read_text(encoding="ascii")))
    return min(limits)


def cache_folder() -> Path:
    """The folder of the cache: $PCKD_CACHE, or ~/.cache/pckd/data. It may be deleted."""
    return Path(os.environ.get("PCKD_CACHE") or "~/.cache/pckd/data").expanduser()
