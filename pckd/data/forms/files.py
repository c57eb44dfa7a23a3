"""Recognition of image files and folders, and of those that operating systems leave behind."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pckd.data.words import listed
from pckd.errors import InputError

SYSTEM_NAMES = frozenset(
    (
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb"),
        *("__macosx", "network trash folder", "temporary items", "icon\r"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "lost+found", "~snapshot", "__pycache__"),
    )
)
"""File and folder names, in lower case, that file servers (Synology, QNAP, NetApp), archivers,
desktops and disks leave among a user's files, besides those that begin with a dot.
"""

READ = (
    *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
"""Endings of files that Pillow reads, if its installation is complete."""

NOT_READ = (
    *(".heic", ".heif", ".hif", ".jxl", ".svg", ".psd", ".exr", ".hdr", ".dcm", ".npy"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2"),
)
"""Endings of images that are refused rather than passed over, unless a plug-in of Pillow's reads
them."""

IMAGE_SUFFIXES = (*READ, *NOT_READ)

Identity = tuple[int, int]
"""Device and inode of a folder: the same for all links to it."""


def is_system(name: str) -> bool:
    """Return whether a system, and not the user, left a file or folder of this name."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def is_image(name: str) -> bool:
    """Return whether a file name is that of an image, of a readable kind or not."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_read(file: Path) -> bool:
    """Return whether Pillow decodes the full image of a file with this ending.

    It also opens a camera's raw file, but finds only the preview in it.
    """
    from PIL import Image

    return file.suffix.lower() in Image.registered_extensions()


class Once:
    """Walks through the folders of a data set, which lead into no folder of images twice."""

    def __init__(self) -> None:
        self._reached: dict[Identity, Path] = {}

    def walk(self, folder: Path) -> Iterator[tuple[Path, list[str]]]:
        """Walk through a folder of one class and one split; see `walk`.

        Raises:
            InputError: A link leads to images of another class or split.
        """
        for parent, files in walk(folder):
            first = self._reached.setdefault(_identity(parent), parent)
            if files and first != parent:
                raise InputError(
                    f"{parent} and {first} are one folder: an image has one class, and is either "
                    "for training or for testing"
                )
            yield parent, files


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Walk through a folder and its subfolders, top down, with the names of their images.

    Names are sorted; links to folders are followed, but no folder is gone through twice.

    Raises:
        InputError: A link leads nowhere.
        OSError: A folder cannot be read.
    """
    seen: set[Identity] = set()
    for parent, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        identity = _identity(Path(parent))
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        check_links(Path(parent), files)
        folders[:] = sorted(name for name in folders if not is_system(name))
        yield Path(parent), sorted(n for n in files if is_image(n) and not is_system(n))


def check_links(folder: Path, names: Iterable[str]) -> None:
    """Refuse links that lead nowhere and may stand for folders, as on a disk that is not mounted.

    A link whose name has an ending stands for a file; of those, images are named when all are read.

    Args:
        folder: It holds them.
        names: Of entries that are no folders.

    Raises:
        InputError: There is such a link.
    """
    plain = sorted(name for name in names if not is_system(name) and not Path(name).suffix)
    lost = [name for name in plain if not (folder / name).exists()]
    if lost:
        raise InputError(
            f"{folder} holds links that lead nowhere, whose images would be missing: {listed(lost)}"
        )


def _refuse(error: OSError) -> None:
    """Raise what `os.walk` would pass over: a folder that is there and cannot be read."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _identity(folder: Path) -> Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino
