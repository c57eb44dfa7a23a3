"""Locks between the processes that share a folder.

A lock is released when its holder exits, even if it is killed. The lock file stays: its presence
means nothing, so results can be moved with it.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 0.2
"""Seconds between two attempts to take a lock that another process holds."""


class LockHeldError(Exception):
    """Another process holds the lock; the message says which one."""


@contextmanager
def hold_lock(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock for as long as the block runs; wait for another holder.

    Args:
        path: Of the lock file; folders above it are made.
        on_wait: Called once before waiting.

    Raises:
        OSError: The lock file cannot be made.
    """
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def take_lock(path: Path) -> Iterator[None]:
    """Hold a lock for as long as the block runs; never wait.

    Raises:
        LockHeldError: Another process holds it.
        OSError: The lock file cannot be made.
    """
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockHeldError(path.read_text(encoding="utf-8") or "another process") from None
    try:
        path.write_text(this_process(), encoding="utf-8")
        yield
    finally:
        lock.release()


def this_process() -> str:
    """The running process in words: its number, its machine and the time."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"process {os.getpid()} on {socket.gethostname()}, since {now}"


def _lock(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, poll_interval=POLL_SECONDS)
