"""Data sets of plug-ins: images in memory, known by a name."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from pckd.data.entries import Normalisation
from pckd.data.forms.base import RawData, RawSplit, Source
from pckd.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

GROUP = "pckd.data"
"""Entry points by which installed packages offer data sets: name = "module:read"."""


@dataclass(frozen=True, slots=True, eq=False)
class DataInMemory:
    """A data set as a plug-in gives it.

    Attributes:
        train_images: Pixels, uint8 [N, 3, H, W].
        train_labels: Class indices, int64 [N].
        test_images: Pixels, uint8 [T, 3, H, W].
        test_labels: Class indices, int64 [T].
        class_names: The position is the label.
    """

    train_images: "Tensor"
    train_labels: "Tensor"
    test_images: "Tensor"
    test_labels: "Tensor"
    class_names: tuple[str, ...]


Reader = Callable[[], DataInMemory]

_registered: dict[str, Reader] = {}


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """A data set of the catalogue that a plug-in reads.

    Attributes:
        reader: Gives the data set; called whenever it is opened.
    """

    reader: Reader
    normalisation: Normalisation | None = None

    def locate(self, name: str, root: Path | str | None, download: bool) -> tuple[str, Source]:
        """Read the data set; root and download do not matter.

        Raises:
            InputError: The plug-in fails, or gives something else than images and labels.
        """
        where = f"plug-in {self.reader.__module__}"
        try:
            data = self.reader()
        except Exception as error:
            raise InputError(f"data set '{name}': {where} cannot read it: {error!r}") from error
        problem = _problem(data)
        if problem:
            raise InputError(f"data set '{name}': {where} gives {problem}")
        train = _split("train", data.train_images, data.train_labels)
        test = _split("test", data.test_images, data.test_labels)
        raw = RawData(train, test, tuple(data.class_names))
        return where, Source([], lambda: raw, [data.class_names, _digest(data)])


def keep_reader(name: str, reader: Reader) -> None:
    """Register the reader of a data set; see `pckd.data.register_data`.

    Raises:
        InputError: The name holds other characters, or a plug-in of another file has it.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"data set {name!r}: a name has letters, digits, '_', '.' and '-' only")
    if _registered.get(name, reader).__module__ != reader.__module__ or name in offered():
        raise InputError(f"data set {name!r} is known already: choose another name")
    _registered[name] = reader


def plugin_names() -> list[str]:
    """Return the names of the data sets that plug-ins offer; none is imported."""
    return sorted({*_registered, *offered()})


def find_plugin(name: str) -> PluginEntry | None:
    """Return the data set of a plug-in, or None if no plug-in offers one of that name.

    Raises:
        InputError: The plug-in cannot be imported.
    """
    if name in _registered:
        return PluginEntry(_registered[name])
    if name not in offered():
        return None
    try:
        return PluginEntry(offered()[name].load())
    except Exception as error:
        raise InputError(
            f"data set '{name}': the plug-in {offered()[name].value} cannot be imported: {error!r}"
        ) from error


@cache
def offered() -> dict[str, EntryPoint]:
    """Return the data sets of installed packages by name; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _problem(data: object) -> str | None:
    """Say what is wrong with what a plug-in gave, or None."""
    import torch

    if not isinstance(data, DataInMemory):
        return f"a {type(data).__name__}, not a pckd.data.DataInMemory"
    for split, images, labels in (
        ("train", data.train_images, data.train_labels),
        ("test", data.test_images, data.test_labels),
    ):
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            return f"{split}_images of {images.dtype} {list(images.shape)}, not uint8 [N, 3, H, W]"
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            return f"{split}_labels of {labels.dtype} {list(labels.shape)}, not int64 [N]"
    return None


def _split(name: str, images: "Tensor", labels: "Tensor") -> RawSplit:
    names = [f"{name} image {position}" for position in range(len(images))]
    return RawSplit(names, list(images.permute(0, 2, 3, 1).numpy()), labels.numpy())


def _digest(data: DataInMemory) -> str:
    digest = hashlib.sha256()
    for part in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        digest.update(str(list(part.shape)).encode())
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()
