"""TinyImageNet's official tree, whose validation labels stand in a text file."""

from pathlib import Path

from pckd.data.forms.base import Form, Source
from pckd.data.forms.class_folders import LabelledFile, class_files, image_source
from pckd.data.place import Place
from pckd.errors import InputError

FOLDER = "tiny-imagenet-200"
URL = f"http://cs231n.stanford.edu/{FOLDER}.zip"
CHECKSUM = "90528d7ca1a48142e341f4ef8d21d0de"
"""MD5 of the archive, 248,100,043 bytes."""

ANNOTATIONS = "val/val_annotations.txt"


def find(place: Place) -> Source | None:
    """Find `wnids.txt`, `train/WNID/images` and `val/images` with `val/val_annotations.txt`.

    The classes are the WordNet ids in sorted order, as for class folders and Parquet files of this
    set. The validation images are the test images, since the official test labels are not public.

    Raises:
        InputError: If `wnids.txt` is missing or a line of the annotations cannot be read.
    """
    local = place.local
    if local is None or not (local / ANNOTATIONS).is_file():
        return None
    if not (local / "wnids.txt").is_file():
        raise InputError(f"{local} lacks wnids.txt: unpack {FOLDER}.zip again")
    class_names = sorted((local / "wnids.txt").read_text().split())
    train = class_files(local / "train", class_names)
    return image_source(local, train, _validation_files(local, class_names), class_names)


FORM = Form(f"the official folder {FOLDER}", find)


def download(folder: Path) -> None:
    """Download and unpack the official archive below a folder, with a checksum."""
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(URL, str(folder), md5=CHECKSUM)


def _validation_files(root: Path, class_names: list[str]) -> list[LabelledFile]:
    """Read lines of file name, WordNet id and box; an unknown id becomes the label -1."""
    label_of = {name: label for label, name in enumerate(class_names)}
    files = []
    for number, line in enumerate((root / ANNOTATIONS).read_text().splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) < 2:
            raise InputError(
                f"line {number} of {root / ANNOTATIONS} is not a file name and a class"
            )
        files.append((root / "val" / "images" / fields[0], label_of.get(fields[1], -1)))
    return files
