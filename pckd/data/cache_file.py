"""Cache files: written completely or not at all, and checked for damage when read."""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pckd.files import hold_lock, write_atomically
from pckd.machine import cache_folder

VERSION = 3
"""Part of every key: raise it when the stored content or the decoding of images changes."""


DIGEST = "digest"
"""The key under which an entry keeps the digest of all others."""


def entry_path(name: str, key: object) -> Path:
    """Return the file in which something is kept.

    Args:
        name: The beginning of the file's name.
        key: All that the content depends on, as JSON can write it.
    """
    text = json.dumps([VERSION, name, key])
    return cache_folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"


def load_entry(entry: Path) -> dict[str, Any] | None:
    """Map an entry (copy-on-write), or return None if it is missing or damaged."""
    try:
        stored = torch.load(entry, mmap=True, weights_only=True)
        return stored if stored.pop(DIGEST) == _digest(stored) else None
    except Exception:  # a damaged archive fails in many ways, and all mean: make it anew
        return None


def store_entry(entry: Path, stored: dict[str, Any]) -> None:
    """Keep tensors and plain values, with a digest that shows later damage.

    Where the cache cannot be written, a warning says so.
    """
    content = {**stored, DIGEST: _digest(stored)}
    try:
        write_atomically(entry, lambda stream: torch.save(content, stream))
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"what was read is not kept, because {entry.parent} cannot be written ({error}): "
            "set PCKD_CACHE to a folder that can",
            stacklevel=2,
        )


def _digest(stored: Mapping[str, Any]) -> str:
    """Return the SHA-256 of names and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name, value in sorted(stored.items()):
        is_tensor = isinstance(value, Tensor)
        known = (str(value.dtype), list(value.shape)) if is_tensor else value
        digest.update(json.dumps([name, known]).encode())
        if is_tensor:
            digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


@contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Hold the lock of an entry, for which other processes of this machine wait.

    Without a lock, as in a folder that cannot be written, continue: two processes may then do the
    same work.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(hold_lock(entry.with_suffix(".lock")))
        yield
