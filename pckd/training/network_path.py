"""Paths of trained networks below a results root."""

from pckd.storage import Storage

SUFFIX = ".safetensors"
"""Ending of the file of a network."""


def kept_path(storage: Storage, path: str) -> str:
    """Find the path of a network: as given, or where an earlier version wrote it.

    Args:
        storage: The results root.
        path: With the ending `.safetensors`.
    """
    earlier = f"{path.removesuffix(SUFFIX)}.pt"
    return earlier if not storage.exists(path) and storage.exists(earlier) else path
