"""ImageNet-1k: the hub's Parquet files, and the official archives, unpacked by torchvision."""

import shutil
from functools import partial
from pathlib import Path

from pckd.data.entries import Download
from pckd.data.forms import parquet
from pckd.data.forms.base import Form
from pckd.data.tracking import tracked
from pckd.errors import InputError
from pckd.files import move_into_place
from pckd.words import gibibytes

TEST_SPLITS = ("validation", "val", "valid", "test")
"""The validation images first: the labels of the test images are not published."""

LOOKED_FOR = "Parquet files train-*.parquet and validation-*.parquet"

SHARDS_FORM = Form(LOOKED_FOR, partial(parquet.find_shards, test_splits=TEST_SPLITS))
"""The files alone, whose images are not read."""

FORM = Form(LOOKED_FOR, partial(parquet.find, test_splits=TEST_SPLITS))
"""Images to be decoded into memory."""

FOLDER = "imagenet"
"""Folder into which the archives are unpacked, below the folder that holds them."""

DEVKIT, TRAIN, VAL = ARCHIVE_NAMES = (
    "ILSVRC2012_devkit_t12.tar.gz",
    "ILSVRC2012_img_train.tar",
    "ILSVRC2012_img_val.tar",
)

ADVICE = f"data.download=true unpacks the official {', '.join(ARCHIVE_NAMES)} that lie there"


def unpack(folder: Path) -> None:
    """Unpack the official archives of a folder into class folders below FOLDER.

    The class folders get their name when all is unpacked. Of several processes, one unpacks while
    the others wait.

    Raises:
        InputError: An archive is missing or is not the official one, or there is no room.
    """
    target = folder / FOLDER
    archives = [folder / name for name in ARCHIVE_NAMES]
    missing = [archive.name for archive in archives if not archive.is_file()]
    if missing:
        raise InputError(
            f"ImageNet cannot be downloaded without an account: place {', '.join(missing)} from "
            f"{ARCHIVES.url} in {folder}, to be unpacked there"
        )
    from pckd.data.cache_file import locked

    with locked(target):
        if not target.exists():
            _unpack_into(target, archives)


ARCHIVES = Download("https://image-net.org/download-images.php", unpack)


def _unpack_into(target: Path, archives: list[Path]) -> None:
    needed, free = sum(a.stat().st_size for a in archives), shutil.disk_usage(target.parent).free
    if needed > free:
        raise InputError(
            f"unpacking ImageNet takes {gibibytes(needed)}, and {target.parent} has "
            f"{gibibytes(free)} left"
        )
    unfinished = target.with_suffix(".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        _parse(unfinished, archives)
        move_into_place(unfinished, target)
    except OSError as error:
        raise InputError(f"the archives of ImageNet cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _parse(folder: Path, archives: list[Path]) -> None:
    """Unpack as torchvision.datasets.ImageNet does, which checks the archives' checksums."""
    from torchvision.datasets import imagenet

    parsers = (
        imagenet.parse_devkit_archive,  # first: it says of what class the validation images are
        imagenet.parse_train_archive,
        imagenet.parse_val_archive,
    )
    steps = list(zip(parsers, archives, strict=True))
    for parse, archive in tracked(steps, "unpacking ImageNet", len(steps)):
        try:
            parse(folder, str(archive.absolute()))
        except RuntimeError as error:
            raise InputError(
                f"{archive} is not the official archive (its checksum differs): fetch it again"
            ) from error
