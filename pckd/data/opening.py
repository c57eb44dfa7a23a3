"""Opening of data sets by name and root: decoded into memory, or listed to be streamed."""

from dataclasses import replace
from pathlib import Path

import PIL
import torch

from pckd.data.building import build_content, flaw_problems, label_problems, refuse
from pckd.data.cache import load_or_build
from pckd.data.catalogue import IMAGENET_NORMALISATION, STREAMED, find_entry, is_streamed
from pckd.data.class_names import alike
from pckd.data.encoded import ImageFiles
from pckd.data.forms.class_folders import ClassTree
from pckd.data.images import DataSet, ImageData, channel_statistics
from pckd.data.listing import list_tree
from pckd.data.packed import open_packed
from pckd.data.streamed import FileSet, StreamedContent
from pckd.errors import InputError

_notices: dict[tuple[str, str], tuple[str, ...]] = {}
"""Sentences on the data sets that this process opened, by name and root."""


def data_notices(name: str, root: Path | str | None) -> tuple[str, ...]:
    """Sentences for the user on a data set that this process has opened, such as splits not used.

    Args:
        name: Of the data set.
        root: Where it lies.
    """
    return _notices.get((name, str(root)), ())


def open_data(
    name: str,
    root: Path | str | None = None,
    *,
    download: bool = False,
    image_size: int | None = None,
) -> ImageData:
    """Open a data set: find it, decode it or take it from the cache, and check it.

    Args:
        name: One of `list_data()`.
        root: The folder where it lies or shall be downloaded to, or, for Parquet files, a pyarrow
            filesystem URI such as s3://bucket/folder. `digits` needs none.
        download: Whether to download the data set if it is not there.
        image_size: Height and width in pixels to resize all images to (bilinear, antialiased, the
            aspect not kept), or None to take them as they are.

    Returns:
        The data set, its images in memory or mapped from the cache.

    Raises:
        InputError: If there is no such name, nothing is found, the download fails, or what is
            found cannot be used; the message names the files.
    """
    entry = find_entry(name)
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size must be 1 or more pixels, got {image_size}")
    if image_size is None and is_streamed(name):
        raise InputError(
            f"data set '{name}' is too large to decode at its own size: set data.image_size"
        )
    where, source = entry.locate(name, root, download)
    stamps = [stamp.key for stamp in source.files]
    content, fingerprint = load_or_build(
        name,
        [stamps, source.meaning, image_size, PIL.__version__],
        lambda: build_content(name, where, source.read(), image_size),
    )
    _notices[name, str(root)] = (*source.notices, *alike(content.class_names))
    mean, std = entry.normalisation or channel_statistics(content.train.images)
    return ImageData(name, content.train, content.test, content.class_names, mean, std, fingerprint)


def open_streamed(
    name: str,
    root: Path | str | None = None,
    *,
    download: bool = False,
    loader_workers: int = 0,
) -> DataSet[FileSet]:
    """Open a data set without decoding it: find it, list or pack its images, and check them.

    Args:
        name: One for which `is_streamed`.
        root: The folder where it lies, or, for Parquet files, a pyarrow filesystem URI.
        download: Whether to unpack the official archives that lie there if it is not there.
        loader_workers: Processes that decode while a network trains; 0 decodes in its own.

    Raises:
        InputError: Nothing is found, a class has no training or no test image, a label is out of
            range, or images are missing, truncated or none; all are named at once. Or the cache
            has no room for what is packed.
    """
    where, found = STREAMED[name].locate(name, root, download)
    if isinstance(found, ClassTree):
        content = _open_tree(name, where, found)
    else:
        content = open_packed(name, where, found)
    _notices[name, str(root)] = (*found.notices, *alike(content.class_names))
    train, test = (
        replace(split, loader_workers=loader_workers) for split in (content.train, content.test)
    )
    mean, std = IMAGENET_NORMALISATION
    return DataSet(name, train, test, content.class_names, mean, std, content.fingerprint)


def _open_tree(name: str, where: str, tree: ClassTree) -> StreamedContent:
    listing = list_tree(tree)
    problems = [
        problem
        for split_name, split in (("training", listing.train), ("test", listing.test))
        for problem in (
            *label_problems(split_name, split, tree.class_names),
            *flaw_problems(f"{split_name} images", split.flawed),
        )
    ]
    refuse(name, where, problems)
    train, test = (
        FileSet(ImageFiles(tree.root, split.names), torch.from_numpy(split.labels))
        for split in (listing.train, listing.test)
    )
    return StreamedContent(train, test, tree.class_names, listing.fingerprint)
