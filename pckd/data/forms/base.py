"""Interface of a form of a data set: undecoded images, their labels, and the files behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pckd.data.place import FileStamp, Place

Encoded = bytes | Path | NDArray[np.uint8]
"""One image: an encoded file's bytes, the file, or pixels [H, W, 3]."""


@dataclass(frozen=True, slots=True, eq=False)
class RawSplit:
    """One split before decoding.

    Attributes:
        names: What each image is called in messages, N entries.
        contents: The images, N entries.
        labels: Class indices, not yet checked: int64 [N]. Where images show several of M classes,
            int64 [N, M]: 1 where one is there, 0 where it is not, -1 where it is not counted.
    """

    names: Sequence[str]
    contents: Sequence[Encoded]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RawData:
    """A data set before decoding."""

    train: RawSplit
    test: RawSplit
    class_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """A data set that was found, whether listed already or not.

    Attributes:
        notices: Sentences for the user, about what lies there and is not read.
    """

    notices: Sequence[str] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class Source(Findings):
    """A data set that was found, with its files.

    Attributes:
        files: All files behind it; when one changes, what was cached is out of date.
        read: Reads them.
        meaning: What else decides what is read, such as labels that stand in the names of folders,
            as JSON can write it.
    """

    files: Sequence[FileStamp]
    read: Callable[[], RawData]
    meaning: object = None


Found = TypeVar("Found", bound=Findings, covariant=True)


@dataclass(frozen=True, slots=True)
class Form(Generic[Found]):
    """A form in which a data set may be found.

    Attributes:
        looked_for: What marks it, for the message that nothing was found.
        find: Returns what was found if exactly this folder holds the form, else nothing; raises
            InputError if the form is there but incomplete.
        covers: Forms that the same files may seem to be, too.
    """

    looked_for: str
    find: Callable[[Place], Found | None]
    covers: "tuple[Form[Any], ...]" = ()
