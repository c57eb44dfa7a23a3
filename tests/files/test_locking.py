"""Locks: one holder at a time, released however the holder ends."""

import os
import signal
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from pckd.files import LockHeldError, hold_lock, take_lock
from tests.processes import PROCESSES


def _hold(path: Path, held: Barrier) -> None:
    with take_lock(path):
        held.wait()
        signal.pause()


def _killed_holder(path: Path) -> BaseProcess:
    held = PROCESSES.Barrier(2)
    holder = PROCESSES.Process(target=_hold, args=(path, held))
    holder.start()
    held.wait()
    return holder


def test_a_second_holder_is_told_who_has_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "folder/lock"
    with (
        take_lock(lock),
        pytest.raises(LockHeldError, match=f"process {os.getpid()} on .*, since 2"),
        take_lock(lock),
    ):
        pytest.fail("held twice")
    with take_lock(lock):
        assert lock.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = _killed_holder(lock)

    def kill() -> None:
        os.kill(holder.pid or 0, signal.SIGKILL)

    with hold_lock(lock, on_wait=kill):
        holder.join(60)
    assert holder.exitcode == -signal.SIGKILL


def test_a_lock_file_that_was_moved_holds_nothing(tmp_path: Path) -> None:
    with take_lock(tmp_path / "lock"):
        pass
    moved = tmp_path / "moved"
    (tmp_path / "lock").rename(moved)
    with hold_lock(moved, on_wait=lambda: pytest.fail("waited")), take_lock(tmp_path / "lock"):
        assert moved.exists()


def test_an_error_in_the_block_passes_and_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(LockHeldError, match="my own"), hold_lock(tmp_path / "lock"):
        raise LockHeldError("my own")
    with take_lock(tmp_path / "lock"):
        pass
