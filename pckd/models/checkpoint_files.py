"""Reading of checkpoint files without running any code in them."""

import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from pckd.errors import InputError

_SCALAR: Any = np.float64(0).__reduce__()[0]
ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    Namespace,
    np.dtype,
    *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"},
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_SCALAR, "numpy.core.multiarray.scalar"),
]
"""Classes allowed besides tensors and plain values: RepDistiller's options, NumPy's numbers (old
and new layout).
"""

FOREIGN = (
    (b"\x89HDF", "is an HDF5 file, as Keras writes them"),
    (b"version https://git-lfs", "is a pointer of Git LFS: fetch the file that it stands for"),
    (b"<", "is a web page or XML, not a checkpoint: the download went wrong"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it first"),
    (b"{", "is JSON, such as the index of a checkpoint in several files"),
    (b"\x08", "looks like an ONNX file"),
)
"""First bytes of files that are not PyTorch checkpoints."""


def read_checkpoint(path: Path) -> object:
    """Read a file of ``torch.save`` or of safetensors, whatever its name says.

    Only tensors, plain Python values, numbers of NumPy and ``argparse.Namespace``, which
    RepDistiller saves beside the weights, are unpickled.

    Args:
        path: the checkpoint; it may have been saved from any device.

    Returns:
        What was saved, its tensors on the CPU.

    Raises:
        InputError: the file cannot be read, is no checkpoint, or would run code.
    """
    head = _beginning(path)
    try:
        if head[8:9] == b"{":  # behind the length of the header
            return load_safetensors(path.read_bytes())
        with safe_globals(ALLOWED), warnings.catch_warnings(action="ignore"):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise InputError(f"checkpoint {path} is a damaged safetensors file: {error}") from error
    except Exception as error:  # damaged or hostile bytes fail in any way, also as an OSError
        raise InputError(f"checkpoint {path} {_why_not_loaded(path, head)}") from error
    return content


def _beginning(path: Path) -> bytes:
    """Read the first bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise InputError(f"checkpoint {path} cannot be read: {error.strerror or error}") from error


def _why_not_loaded(path: Path, head: bytes) -> str:
    """Say what a file is instead of a checkpoint, without running what is in it."""
    for beginning, fault in FOREIGN:
        if head.lstrip().startswith(beginning):
            return fault
    if head.startswith(b"PK") and (archive := _foreign_archive(path)):
        return archive
    try:
        with safe_globals(ALLOWED):
            foreign = sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # damaged, a bare pickle, or of an old format
        foreign = []
    if not foreign:
        return "is damaged or holds more than tensors and plain values, and is not loaded"
    return (
        f"asks for {', '.join(foreign)} and is not loaded, because that may run code: allowed are "
        "tensors, plain values, numbers of NumPy and argparse.Namespace; where it was made, save "
        "network.state_dict() alone"
    )


def _foreign_archive(path: Path) -> str | None:
    """Say what a zip archive is that is not a checkpoint."""
    try:
        with ZipFile(path) as archive:
            members = archive.namelist()
    except Exception:  # a damaged archive fails in many ways
        return None
    if any(name.endswith("constants.pkl") for name in members):
        return "is a TorchScript archive: save the network's state_dict() instead"
    if members and all(name.endswith(".npy") for name in members):
        return "is an archive of NumPy arrays: save the network's state_dict() with torch.save"
    return None
