"""Decoded data sets kept on disk, so that later runs map them at once."""

from collections.abc import Callable
from pathlib import Path

from pckd.data.cache_file import entry_path, load_entry, locked, store_entry
from pckd.data.images import Content, content_fingerprint
from pckd.data.resident import ImageSet


def load_or_build(name: str, key: object, build: Callable[[], Content]) -> tuple[Content, str]:
    """Return the content that is stored under a key, or build and store it; and its fingerprint.

    Of several processes that want the same entry at the same moment, one builds it while the
    others wait. An entry that is not as it was stored is built anew.
    Where the cache cannot be written, a warning says so, and the content is used without it.

    Args:
        name: The data set's name, the beginning of the file's name.
        key: All that the content depends on, as JSON can write it.
        build: Makes the content.

    Raises:
        InputError: Whatever `build` raises; nothing is stored then.
    """
    entry = entry_path(name, key)
    stored = _load(entry)
    if stored is not None:
        return stored
    with locked(entry):
        return _load(entry) or _build_and_store(entry, build)


def _load(entry: Path) -> tuple[Content, str] | None:
    """Return the content of an entry and its fingerprint, or None if it is missing or damaged."""
    stored = load_entry(entry)
    if stored is None:
        return None
    content = Content(
        ImageSet(stored["train_images"], stored["train_labels"]),
        ImageSet(stored["test_images"], stored["test_labels"]),
        tuple(stored["class_names"]),
    )
    return content, stored["fingerprint"]


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
    store_entry(entry, stored)
    return content, fingerprint
