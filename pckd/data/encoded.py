"""Encoded images of a split, read one by one from files or from a packed file."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pckd.data.pixels import Flaw, FlawedImageError

CHANGED = Flaw("are not as they were packed: delete this file, and it is made anew")


class EncodedImages(Protocol):
    """N encoded images, read on demand by any process."""

    @property
    def where(self) -> str:
        """Location, for messages."""

    @property
    def names(self) -> Sequence[str] | NDArray[np.str_]:
        """Name of each image in messages, N entries."""

    def read(self, position: int) -> bytes:
        """Return an encoded image; raises OSError or FlawedImageError if it is gone or changed."""

    def at(self, positions: NDArray[np.int64]) -> Self:
        """Return the images at the positions (int64 [K]), in that order."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Images stored in one file each.

    Attributes:
        root: The folder that the names are relative to.
        names: The files, str [N], with forward slashes.
    """

    root: Path
    names: NDArray[np.str_]

    @property
    def where(self) -> str:
        """The folder, for messages."""
        return f"below {self.root}"

    def read(self, position: int) -> bytes:
        """Return the content of a file."""
        return (self.root / str(self.names[position])).read_bytes()

    def at(self, positions: NDArray[np.int64]) -> "ImageFiles":
        """Return the images at the positions (int64 [K]), in that order."""
        return ImageFiles(self.root, self.names[positions])


@dataclass(frozen=True, slots=True, eq=False)
class RowNames(Sequence[str]):
    """Names of rows of several files; made on demand, because there are many.

    Attributes:
        files: The names of the files.
        starts: The number of each file's first row, int64 [F].
        rows: The numbers of the rows that are named, int64 [N].
    """

    files: Sequence[str]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> str:  # type: ignore[override]
        row = self.rows[position]
        file = int(np.searchsorted(self.starts, row, "right")) - 1
        return f"row {row - self.starts[file]} of {self.files[file]}"

    def at(self, positions: NDArray[np.int64]) -> "RowNames":
        """Return the names of the rows at the positions (int64 [K])."""
        return RowNames(self.files, self.starts, self.rows[positions])


@dataclass(frozen=True, slots=True, eq=False)
class PackedImages:
    """Images stored one after another in a single file.

    Attributes:
        file: The file that holds them.
        offsets: The first byte of each row, and the last row's end: int64 [R + 1].
        checksums: CRC-32 of each row's bytes: int64 [R].
        names: Of the rows that are these images, N of them.
    """

    file: Path
    offsets: NDArray[np.int64]
    checksums: NDArray[np.int64]
    names: RowNames

    @property
    def where(self) -> str:
        """The file, for messages."""
        return f"in {self.file}"

    def read(self, position: int) -> bytes:
        """Return the bytes of an image.

        Raises:
            FlawedImageError: They are no longer those that were packed.
        """
        row = self.names.rows[position]
        start, end = self.offsets[row : row + 2].tolist()
        with self.file.open("rb") as stream:
            stream.seek(start)
            content = stream.read(end - start)
        if zlib.crc32(content) != self.checksums[row]:
            raise FlawedImageError(CHANGED)
        return content

    def at(self, positions: NDArray[np.int64]) -> "PackedImages":
        """Return the images at the positions (int64 [K]), in that order."""
        return replace(self, names=self.names.at(positions))
