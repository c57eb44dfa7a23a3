"""Files of this machine: written whole or not at all, and locked between processes."""

from pckd.files.locking import LockHeldError, hold_lock, take_lock, this_process
from pckd.files.writing import move_into_place, remove_leftovers, write_atomically

__all__ = [
    "LockHeldError",
    "hold_lock",
    "move_into_place",
    "remove_leftovers",
    "take_lock",
    "this_process",
    "write_atomically",
]
