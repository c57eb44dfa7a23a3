"""The official files of CIFAR-100 and STL-10, read, checked and downloaded by torchvision."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

if TYPE_CHECKING:
    from torchvision.datasets import STL10

CIFAR100_FOLDER = "cifar-100-python"
CIFAR100_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
CIFAR100_FILES = ("train", "test", "meta")
STL10_FOLDER = "stl10_binary"
STL10_URL = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
STL10_FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt")


def find_cifar100(place: Place) -> Source | None:
    """Find the folder `cifar-100-python` with the files train, test and meta."""
    return _find(place, CIFAR100_FOLDER, CIFAR100_FILES, _read_cifar100)


def find_stl10(place: Place) -> Source | None:
    """Find the folder `stl10_binary`; the unlabelled images need not be there."""
    return _find(place, STL10_FOLDER, STL10_FILES, _read_stl10)


CIFAR100_FORM = Form(f"the official folder {CIFAR100_FOLDER}", find_cifar100)
STL10_FORM = Form(f"the official folder {STL10_FOLDER}", find_stl10)


def download_cifar100(folder: Path) -> None:
    """Download and unpack CIFAR-100 below a folder, with torchvision's checksums."""
    from torchvision.datasets import CIFAR100

    CIFAR100(folder, download=True)


def download_stl10(folder: Path) -> None:
    """Download and unpack STL-10 below a folder, with torchvision's checksums."""
    _labelled_stl10()(folder, download=True)


def _find(
    place: Place, folder: str, files: tuple[str, ...], read: Callable[[Path], RawData]
) -> Source | None:
    local = place.local
    if local is None or local.name != folder or not local.is_dir():
        return None

    missing = [name for name in files if not (local / name).is_file()]
    if missing:
        raise InputError(f"{local} lacks {', '.join(missing)}: unpack the official archive again")

    def checked_read() -> RawData:
        try:
            return read(local.parent)
        except RuntimeError as error:
            raise InputError(
                f"a file in {local} is not the official one (its checksum differs): delete the "
                "folder and unpack the official archive again"
            ) from error

    return Source([FileStamp.of(local / name) for name in files], checked_read)


def _read_cifar100(root: Path) -> RawData:
    from torchvision.datasets import CIFAR100

    train, test = CIFAR100(root, train=True), CIFAR100(root, train=False)
    splits = [
        _split(name, part.data, part.targets) for name, part in (("train", train), ("test", test))
    ]
    return RawData(splits[0], splits[1], tuple(train.classes))


def _read_stl10(root: Path) -> RawData:
    train, test = (_labelled_stl10()(root, split=split) for split in ("train", "test"))
    splits = [
        _split(name, part.data.transpose(0, 2, 3, 1), part.labels)
        for name, part in (("train", train), ("test", test))
    ]
    return RawData(splits[0], splits[1], tuple(train.classes))


def _labelled_stl10() -> "type[STL10]":
    """Return torchvision's STL10 less the 2.7 GB of unlabelled images, which need not be there."""
    from torchvision.datasets import STL10

    return type("LabelledSTL10", (STL10,), {"train_list": STL10.train_list[:2]})


def _split(name: str, pixels: np.ndarray, labels: ArrayLike) -> RawSplit:
    """Make a split of uint8 [N, H, W, 3] and N labels."""
    names = [f"{name} image {position}" for position in range(len(pixels))]
    return RawSplit(names, list(pixels), np.asarray(labels, dtype=np.int64))
