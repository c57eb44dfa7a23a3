"""Copying the images of Parquet files, as they are encoded, into one file."""

import hashlib
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pckd.data.building import flaw_problems, refuse
from pckd.data.forms.parquet import Shards
from pckd.data.place import FileStamp
from pckd.data.soundness import find_flaw
from pckd.data.tracking import tracked
from pckd.errors import InputError
from pckd.files import remove_leftovers, write_atomically
from pckd.words import gibibytes


@dataclass(frozen=True, slots=True, eq=False)
class Copied:
    """Index of the copied images: offsets, checksums and a digest.

    Attributes:
        offsets: The first byte of each image, and the end of the last: int64 [N + 1].
        checksums: CRC-32 of each image's bytes: int64 [N].
        digest: SHA-256 of all bytes, hexadecimal.
    """

    offsets: NDArray[np.int64]
    checksums: NDArray[np.int64]
    digest: str


def copy_images(name: str, where: str, shards: Shards, file: Path) -> Copied:
    """Copy the training images, then the test images, and look for damaged ones.

    The file appears only when everything is copied; only one process may write it at a time.

    Args:
        name: The data set's name, for messages.
        where: Where it was found, for messages.
        shards: What is copied.
        file: What is written.

    Raises:
        InputError: The file cannot be written or has no room, a shard cannot be read, or images
            are missing, truncated or none.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(file)
        _check_room(name, where, [*shards.train, *shards.test], file.parent)
        return write_atomically(file, lambda stream: _copy(name, where, shards, stream))
    except OSError as error:
        raise InputError(
            f"the images of data set '{name}' in {where} cannot be copied to {file.parent} "
            f"({error}): set PCKD_CACHE to another folder"
        ) from error


def _check_room(name: str, where: str, files: Iterable[FileStamp], folder: Path) -> None:
    needed, free = sum(stamp.size for stamp in files), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the images of data set '{name}' in {where} are copied once to {folder}, which has "
            f"{gibibytes(free)} left of the {gibibytes(needed)} they take: set PCKD_CACHE to "
            "another folder"
        )


def _copy(name: str, where: str, shards: Shards, stream: BinaryIO) -> Copied:
    offsets, checksums, digest, problems = [0], [], hashlib.sha256(), []
    for split_name, files in (("training", shards.train), ("test", shards.test)):
        flawed = []
        parts = tracked(files, f"copying {split_name} images", len(files))
        for content, image in chain.from_iterable(shards.images(file) for file in parts):
            if flaw := find_flaw(content):
                flawed.append((image, flaw))
            stream.write(content)
            digest.update(content)
            checksums.append(zlib.crc32(content))
            offsets.append(offsets[-1] + len(content))
        problems += flaw_problems(f"{split_name} images", flawed)
    refuse(name, where, problems)
    return Copied(
        np.array(offsets, dtype=np.int64), np.array(checksums, dtype=np.int64), digest.hexdigest()
    )
