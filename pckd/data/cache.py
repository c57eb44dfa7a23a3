"""Decoded data sets kept on disk, so that later runs map them at once."""

import fcntl
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from pckd.data.images import Content, ImageSet, content_fingerprint

VERSION = 1
"""Part of every key: raise it when what is stored, or how images are decoded, changes."""


def cache_folder() -> Path:
    """Return the folder of the cache: $PCKD_CACHE, or ~/.cache/pckd/data. It may be deleted."""
    return Path(os.environ.get("PCKD_CACHE") or "~/.cache/pckd/data").expanduser()


def load_or_build(name: str, key: object, build: Callable[[], Content]) -> tuple[Content, str]:
    """Return the content that is stored under a key, or build and store it; and its fingerprint.

    Of several processes that want the same entry at the same moment, one builds it while the
    others wait. An entry that does not have the fingerprint it was stored with is built anew.
    Where the cache cannot be written, a warning says so, and the content is used without it.

    Args:
        name: The data set's name, the beginning of the file's name.
        key: All that the content depends on, as JSON can write it.
        build: Makes the content.

    Raises:
        InputError: Whatever `build` raises; nothing is stored then.
    """
    text = json.dumps([VERSION, name, key])
    entry = cache_folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"
    stored = _load(entry)
    if stored is not None:
        return stored
    with _locked(entry.with_suffix(".lock")):
        return _load(entry) or _build_and_store(entry, build)


def _load(entry: Path) -> tuple[Content, str] | None:
    """Map an entry (copy-on-write), or return None if it is missing or damaged in any way."""
    try:
        stored = torch.load(entry, mmap=True, weights_only=True)
        content = Content(
            ImageSet(stored["train_images"], stored["train_labels"]),
            ImageSet(stored["test_images"], stored["test_labels"]),
            stored["class_names"],
        )
        fingerprint = content_fingerprint(content)
        return (content, fingerprint) if fingerprint == stored["fingerprint"] else None
    except Exception:  # a damaged archive fails in many ways, and all mean: build it anew
        return None


def _build_and_store(entry: Path, build: Callable[[], Content]) -> tuple[Content, str]:
    content = build()
    fingerprint = content_fingerprint(content)
    stored = {
        "train_images": content.train.images,
        "train_labels": content.train.labels,
        "test_images": content.test.images,
        "test_labels": content.test.labels,
        "class_names": content.class_names,
        "fingerprint": fingerprint,
    }
    try:
        _write(entry, stored)
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"decoded images are not kept, because {entry.parent} cannot be written ({error}): "
            "set PCKD_CACHE to a folder that can",
            stacklevel=2,
        )
    return content, fingerprint


def _write(entry: Path, stored: dict[str, Any]) -> None:
    """Write beside the entry and move it there, so that it is whole or absent."""
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="partial-") as folder:
        partial = Path(folder) / entry.name
        torch.save(stored, partial)
        partial.replace(entry)


@contextmanager
def _locked(lock_file: Path) -> Iterator[None]:
    """Hold a lock between processes; where there is none to have, go on: work is done twice."""
    with ExitStack() as stack:
        with suppress(OSError):
            lock_file.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(lock_file.open("w")), fcntl.LOCK_EX)
        yield
