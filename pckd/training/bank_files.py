"""Files of the feature banks of one machine: shared by its trials, bounded, checked when read.

A bank is one file below `$PCKD_CACHE/banks`: the hash of its key, a mark for each row, the rows.
All banks together keep within a bound. To make room, unused banks are deleted, least recently
opened first; a bank that still does not fit keeps its first rows only.
"""

import fcntl
import hashlib
import json
import os
import shutil
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from pckd.data.cache_file import locked
from pckd.machine import available_memory, cache_folder
from pckd.training.bank import FeatureBank

PAGE = 4096
"""Page size in bytes. The hash, padded with blanks, takes a page; marks and rows start on pages of
their own.
"""


def default_bank_bytes() -> int:
    """Half of the memory that this process may use."""
    return available_memory() // 2


def open_bank(
    key: Mapping[str, object], *, rows: int, copies: int, width: int, max_bytes: int
) -> FeatureBank:
    """Open the bank of a key, creating it if missing; an open bank is never deleted.

    If its file cannot be created, a warning says so and the bank stays empty: the numbers that a
    `BankedTeacher` gives are the same.

    Args:
        key: All that features depend on, as JSON can write it.
        rows: Views of all images, without rotations.
        copies: K, rotations of a view.
        width: d of the features.
        max_bytes: Bound on all banks of this machine, this one included.
    """
    text = json.dumps({**key, "boot": _boot()}, sort_keys=True)
    folder = cache_folder() / "banks"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.bank"
    start = PAGE + -(-rows // PAGE) * PAGE
    row_bytes = 2 * copies * width
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "banks"):
            file = _opened(path, text)
            room = _room(path, start + rows * row_bytes, max_bytes)
            kept = _allocate(file, start, row_bytes, room)
    except OSError as error:
        warnings.warn(
            f"the teacher's features are computed anew each time, because {folder} cannot hold a "
            f"bank ({error}): set PCKD_CACHE to a folder that can",
            stacklevel=2,
        )
        return FeatureBank(np.zeros((1, copies, width), np.float16), np.zeros(1, np.uint8))
    bank = FeatureBank(
        np.memmap(file, np.float16, "r+", offset=start, shape=(kept, copies, width)),
        np.memmap(file, np.uint8, "r+", offset=PAGE, shape=(kept,)),
    )
    weakref.finalize(bank, file.close)
    return bank


def _opened(path: Path, key: str) -> IO[bytes]:
    """Open a bank and take its shared lock; content under another key is emptied."""
    header = hashlib.sha256(key.encode()).hexdigest().encode().ljust(PAGE)
    file = path.open("r+b" if path.exists() else "w+b")
    fcntl.flock(file, fcntl.LOCK_SH)
    os.utime(path)
    if file.read(PAGE) != header:
        file.truncate(0)
        file.seek(0)
        file.write(header)
        file.flush()
    return file


def _room(path: Path, wanted: int, max_bytes: int) -> int:
    """Bytes that one bank may take, once unused banks have made room for it."""
    others = sorted(path.parent.glob("*.bank"), key=lambda other: other.stat().st_mtime)
    others.remove(path)
    sizes = {other: other.stat().st_size for other in others}
    for other in others:
        if sum(sizes.values()) + wanted > max_bytes and _deleted(other):
            del sizes[other]
    on_disk = path.stat().st_size + shutil.disk_usage(path).free // 2
    return min(wanted, on_disk, max_bytes - sum(sizes.values()))


def _deleted(path: Path) -> bool:
    """Delete a bank unless some process has it open."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        path.unlink()
        return True


def _allocate(file: IO[bytes], start: int, row_bytes: int, room: int) -> int:
    """Make the file as large as space allows, at least one row, and return its number of rows.

    Disk blocks are allocated now: a write to a sparse file on a full disk would kill the process.

    Raises:
        OSError: The disk is full.
    """
    wanted = start + row_bytes * max((room - start) // row_bytes, 1)
    size = max(os.fstat(file.fileno()).st_size, wanted)
    _take_blocks(file, size)
    return (size - start) // row_bytes


def _take_blocks(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    # macOS has no such call: zeros are written behind what is there.
    file.seek(0, os.SEEK_END)
    while (missing := min(size - file.tell(), PAGE * 256)) > 0:
        file.write(bytes(missing))
    file.flush()


def _boot() -> str:
    """The boot id: a bank from before a reboot may not have reached the disk."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""
