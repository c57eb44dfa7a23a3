"""From a data set's name and root to its images: decoded into memory, or listed to be streamed."""

from pathlib import Path

import torch

from pckd.data.building import build_content, label_problems, listed
from pckd.data.cache import load_or_build
from pckd.data.catalogue import IMAGENET_NORMALISATION, STREAMED, find_entry, is_streamed
from pckd.data.images import DataSet, ImageData, channel_statistics
from pckd.data.listing import SplitListing, list_tree
from pckd.data.streamed import FileSet
from pckd.errors import InputError


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
    stamps = [(stamp.location, stamp.size, stamp.modified) for stamp in source.files]
    content, fingerprint = load_or_build(
        name,
        [stamps, image_size],
        lambda: build_content(name, where, source.read(), image_size),
    )
    mean, std = entry.normalisation or channel_statistics(content.train.images)
    return ImageData(name, content.train, content.test, content.class_names, mean, std, fingerprint)


def open_streamed(
    name: str,
    root: Path | str | None = None,
    *,
    download: bool = False,
    loader_workers: int = 0,
) -> DataSet[FileSet]:
    """Open a data set without decoding it: find it, list its files, and check them.

    Args:
        name: One for which `is_streamed`.
        root: The local folder where it lies.
        download: Whether to download the data set if it is not there; none of them can be.
        loader_workers: Processes that decode while a network trains; 0 decodes in its own.

    Raises:
        InputError: Nothing is found, a class has no training or no test image, or files are
            missing, truncated or no images; all are named at once.
    """
    where, tree = STREAMED[name].locate(name, root, download)
    listing = list_tree(tree)
    problems = [
        problem
        for split_name, split in (("training", listing.train), ("test", listing.test))
        for problem in (
            *label_problems(split_name, split, tree.class_names),
            *_damaged_files(split_name, split),
        )
    ]
    if problems:
        raise InputError(f"data set '{name}' in {where} cannot be used: {'; '.join(problems)}")
    train, test = (
        FileSet(tree.root, split.names, torch.from_numpy(split.labels), loader_workers)
        for split in (listing.train, listing.test)
    )
    mean, std = IMAGENET_NORMALISATION
    return DataSet(name, train, test, tree.class_names, mean, std, listing.fingerprint)


def _damaged_files(split_name: str, split: SplitListing) -> list[str]:
    damaged = split.damaged
    said = f"{split_name} images that are missing, truncated or no images: "
    return [said + listed(damaged)] if damaged else []
