"""TinyImageNet's official tree, whose validation labels are in a text file."""

import tempfile
from pathlib import Path

from pckd.data.forms.base import Form, Source
from pckd.data.forms.class_folders import FORM as CLASS_FOLDERS
from pckd.data.forms.class_folders import LabelledFile, class_files, class_folders, image_source
from pckd.data.forms.files import Once
from pckd.data.place import Place
from pckd.data.words import listed
from pckd.errors import InputError
from pckd.files import move_into_place

FOLDER = "tiny-imagenet-200"
URL = f"http://cs231n.stanford.edu/{FOLDER}.zip"
CHECKSUM = "90528d7ca1a48142e341f4ef8d21d0de"
"""MD5 of the archive, 248,100,043 bytes."""

WNIDS = "wnids.txt"
ANNOTATIONS = "val/val_annotations.txt"


def find(place: Place) -> Source | None:
    """Find `wnids.txt`, `train/WNID/images` and `val/images` with `val/val_annotations.txt`.

    Validation images that were moved to `val/WNID` or `val/WNID/images` are found there.

    The classes are the WordNet ids in sorted order, as for class folders and Parquet files of this
    set. The validation images are the test images, since the official test labels are not public.

    Raises:
        InputError: If `wnids.txt` is missing or lacks a class, a line of the annotations cannot be
            read, they name an image twice, or a training folder is reached twice.
    """
    local = place.local
    if local is None or not (local / ANNOTATIONS).is_file():
        return None
    if not (local / WNIDS).is_file():
        raise InputError(f"{local} lacks {WNIDS}: unpack {FOLDER}.zip again")
    class_names = sorted(set(" ".join(_lines(local / WNIDS)).split()))
    unknown = sorted(class_folders(local / "train") - set(class_names))
    if unknown:
        raise InputError(f"{local / WNIDS} lacks classes that train has: {listed(unknown)}")
    train = class_files(local / "train", class_names, Once())
    test = _validation_files(local, class_names)
    others = (local / WNIDS, local / ANNOTATIONS)
    return image_source(local, train, test, class_names, others)


FORM = Form(f"the official folder {FOLDER}", find, covers=(CLASS_FOLDERS,))


def download(folder: Path) -> None:
    """Download and unpack the official archive below a folder, with a checksum.

    The tree gets its name when all is unpacked.
    """
    from torchvision.datasets.utils import download_url, extract_archive

    archive = folder / URL.rpartition("/")[2]
    download_url(URL, str(folder), archive.name, CHECKSUM)
    with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as unfinished:
        extract_archive(str(archive), unfinished)
        move_into_place(Path(unfinished) / FOLDER, folder / FOLDER)


def _lines(file: Path) -> list[str]:
    """Read a text file, with or without the mark that Windows puts at its beginning."""
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{file} is not text in UTF-8: unpack {FOLDER}.zip again") from None


def _validation_files(root: Path, class_names: list[str]) -> list[LabelledFile]:
    """Read lines of file name, WordNet id and box; an unknown id becomes the label -1."""
    label_of = {name: label for label, name in enumerate(class_names)}
    files = {}
    for number, line in enumerate(_lines(root / ANNOTATIONS), start=1):
        name, *others = line.split("\t")
        if not others:
            raise InputError(
                f"line {number} of {root / ANNOTATIONS} is not a file name and a class"
            )
        file = _validation_file(root / "val", name, others[0])
        if file in files:
            raise InputError(f"line {number} of {root / ANNOTATIONS} names {name} again")
        files[file] = label_of.get(others[0], -1)
    return list(files.items())


def _validation_file(folder: Path, name: str, wnid: str) -> Path:
    """Return the path of a validation image; if it is missing, the path where it belongs."""
    places = (folder / "images", folder / wnid, folder / wnid / "images")
    return next((p / name for p in places if (p / name).exists()), places[0] / name)
