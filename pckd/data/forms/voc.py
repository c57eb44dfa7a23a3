"""Pascal VOC 2007, whose images show several classes each, listed and downloaded by torchvision.

A class is there if one of its objects is, unless all of them are marked as difficult to recognise:
then, as the challenge's classification task has it, the image is not counted for that class.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from pckd.data.forms.base import Form, RawData, RawSplit, Source
from pckd.data.place import FileStamp, Place
from pckd.errors import InputError

if TYPE_CHECKING:
    from torchvision.datasets import VOCDetection

FOLDER = ("VOCdevkit", "VOC2007")
URL = (
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtrainval_06-Nov-2007.tar "
    "and VOCtest_06-Nov-2007.tar beside it"
)
SPLITS = ("trainval", "test")

Objects = dict[str, bool]
"""Classes of an image's objects, and whether at least one object of each is not difficult."""


def find(place: Place) -> Source | None:
    """Find `VOCdevkit/VOC2007` with its lists, annotations and images.

    The classes are the names of all annotated objects, sorted, as in the challenge's own lists.

    Raises:
        InputError: If the list of a split is missing, or when read an annotation is damaged.
    """
    local = place.local
    if local is None or local.parts[-2:] != FOLDER or not local.is_dir():
        return None
    lists = [local / "ImageSets" / "Main" / f"{split}.txt" for split in SPLITS]
    for split, file in zip(SPLITS, lists, strict=True):
        if not file.is_file():
            raise InputError(
                f"{local} lacks ImageSets/Main/{split}.txt: unpack VOC{split}_06-Nov-2007.tar there"
            )
    train, test = (_listed(local.parent.parent, split) for split in SPLITS)
    files = (*lists, *train.images, *train.annotations, *test.images, *test.annotations)
    stamps = [FileStamp.of(Path(file)) for file in files]
    return Source(stamps, lambda: _read(train, test), [train.images, test.images])


FORM = Form("the official folder VOCdevkit/VOC2007", find)


def download(folder: Path) -> None:
    """Download and unpack both official archives below a folder, with torchvision's checksums."""
    for split in SPLITS:
        _listed(folder, split, download=True)


def _listed(root: Path, split: str, *, download: bool = False) -> "VOCDetection":
    from torchvision.datasets import VOCDetection

    return VOCDetection(root, year="2007", image_set=split, download=download)


def _read(train: "VOCDetection", test: "VOCDetection") -> RawData:
    objects = [[_objects(Path(file)) for file in split.annotations] for split in (train, test)]
    class_names = sorted({name for split in objects for image in split for name in image})
    first, second = (
        RawSplit(
            [Path(file).name for file in split.images],
            [Path(file) for file in split.images],
            _presence(images, class_names),
        )
        for split, images in zip((train, test), objects, strict=True)
    )
    return RawData(first, second, tuple(class_names))


def _objects(file: Path) -> Objects:
    from torchvision.datasets import VOCDetection

    try:
        annotation = VOCDetection.parse_voc_xml(ElementTree.parse(file).getroot())["annotation"]
        found = [(item["name"], item["difficult"] != "1") for item in annotation.get("object", [])]
    except (OSError, ElementTree.ParseError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no annotation of Pascal VOC: {error!r}") from error
    return {name: (name, True) in found for name, _ in found}


def _presence(images: Sequence[Objects], class_names: Sequence[str]) -> NDArray[np.int64]:
    """Labels of an image set: 1 present, 0 absent, -1 not counted, int64 [N, M]."""
    value = {None: 0, True: 1, False: -1}
    rows = [[value[image.get(name)] for name in class_names] for image in images]
    return np.array(rows, dtype=np.int64).reshape(len(images), len(class_names))
