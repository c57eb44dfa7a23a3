"""The one way to write a file that must not be half.

A reader sees the old file, the new file or none. When `write_atomically` returns, the new one is on
the disk, its name included: a power cut right after it loses nothing.
"""

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

Result = TypeVar("Result")


def write_atomically(path: Path, write: Callable[[BinaryIO], Result]) -> Result:
    """Write a file under a name of its own, flush it to the disk, then rename it.

    Several processes may write the same file at once: the last one wins, whole.

    Args:
        path: The file; folders above it are made.
        write: Is given the open file and writes the content.

    Returns:
        What `write` returns.

    Raises:
        OSError: The file cannot be written, and is named; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{_prefix(path)}{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as stream:
            result = write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(unfinished)):
            error.filename = str(path)
        raise
    _sync_folder(path.parent)
    return result


def remove_leftovers(path: Path) -> None:
    """Delete what killed processes left of a file; for the only process that may write it."""
    for leftover in path.parent.glob(f"{_prefix(path)}*"):
        leftover.unlink(missing_ok=True)


def move_into_place(unfinished: Path, target: Path) -> None:
    """Give a folder its final name, once all that is in it is on the disk.

    Raises:
        OSError: The folder cannot be renamed.
    """
    os.sync()
    unfinished.replace(target)
    _sync_folder(target.parent)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _sync_folder(folder: Path) -> None:
    """Flush a folder, and so the names in it; some network file systems know no such request."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
