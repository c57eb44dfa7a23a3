"""The file of one student's pictures: named numpy arrays, ROOT/STUDY/pictures/TRIAL.npz.

`numpy.load(file, allow_pickle=False)` reads it; this package is not needed.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pckd.errors import InputError, first_line
from pckd.storage import Storage

VERSION = 1
"""Version of the file; goes up when an array changes its meaning or goes away."""

Array = NDArray[Any]

ARRAYS: Mapping[str, tuple[str, str]] = {
    "version": ("int64", f"of the file, {VERSION}"),
    "settings": ("text", "JSON: the keys of the study file that decide what is here"),
    "class_names": ("text [M]", "of all M classes; the position is the label"),
    "student_network": ("text", "content hash of the student, as `trials.network`"),
    "student_centers": ("float32 [M, d]", "category centres: the weight of the last layer"),
    "teacher_centers": ("float32 [M, d']", "of the teacher; only where the student had one"),
    "feature_labels": ("int64 [N]", "labels of the test images behind the features"),
    "student_features": ("float32 [N, d]", "penultimate features, after pooling, in eval mode"),
    "teacher_features": ("float32 [N, d']", "of the teacher; only where the student had one"),
    "example_label": ("int64", "the class of the examples"),
    "example_positions": (
        "int64 [K]",
        "all training images of that class, the easiest first: their places among the run's",
    ),
    "example_difficulty": (
        "float32 [K]",
        "gamma of Eq. 5 for each: cross entropy of the trained student on the image as it is, "
        "in eval mode, over mean_cross_entropy",
    ),
    "example_weight": ("float32 [K]", "what the run's strategy makes of it at the threshold"),
    "example_images": (
        "uint8 [2 E, H, W, 3]",
        "pixels of the E easiest and then of the E hardest, in the order above",
    ),
    "strategy": ("text", "preview.strategy of the run"),
    "threshold": ("float64", "t of Eq. 7 in the last epoch"),
    "mean_cross_entropy": (
        "float64",
        "nats, over mean_images training images of all classes, spread evenly: it stands for the "
        "mean over the batch of Eq. 5",
    ),
    "mean_images": ("int64", "how many these are: all, but at most 10,000"),
}
"""Each array with its type and shape, and what it means."""

OF_TEACHER = {"teacher_centers", "teacher_features"}

NEW = {"student_network"}
"""Arrays that files of earlier versions lack."""


def picture_path(study: str, trial: str) -> str:
    """Path of a student's file below the results root."""
    return f"{study}/pictures/{trial}.npz"


def write_pictures(storage: Storage, path: str, arrays: Mapping[str, Array]) -> None:
    """Write a file, atomically; `version` is added.

    Raises:
        ValueError: The arrays are not those that a file holds.
    """
    content = {"version": np.array(VERSION), **arrays}
    if not ARRAYS.keys() - OF_TEACHER <= content.keys() <= ARRAYS.keys():
        raise ValueError(f"a picture file does not hold {sorted(content.keys() ^ ARRAYS.keys())}")
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **content)
    storage.write(path, stream.getvalue())


def read_pictures(storage: Storage, path: str) -> dict[str, Array]:
    """Read all arrays of a file, never running code that it might carry.

    Raises:
        FileNotFoundError: There is none.
        InputError: It is damaged, lacks an array, or is of a newer version.
    """
    content = storage.read(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {first_line(error)}") from None
    if int(arrays.get("version", 0)) > VERSION:
        raise InputError(f"{path} has version {arrays['version']}, newer than {VERSION}")
    lacking = sorted(ARRAYS.keys() - OF_TEACHER - NEW - arrays.keys())
    if lacking:
        raise InputError(f"{path} is damaged: it lacks {', '.join(lacking)}")
    return arrays


def shows(arrays: Mapping[str, Array], network: object) -> bool:
    """Return whether a file may show the student of a content hash.

    Files, and rows of trials, of earlier versions do not say which weights they are of.

    Args:
        arrays: Of the file.
        network: As the row of the trial has it; None or NaN where it does not say.
    """
    pictured = str(arrays.get("student_network", ""))
    return not pictured or not isinstance(network, str) or pictured == network
