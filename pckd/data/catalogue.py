"""The data sets by name, and the way from a name to tensors."""

from difflib import get_close_matches
from pathlib import Path

from pckd.data.building import build_content
from pckd.data.cache import load_or_build
from pckd.data.entries import Download, Embedded, Entry, Stored
from pckd.data.forms import class_folders, official, parquet, tiny_imagenet
from pckd.data.forms.digits import read_digits
from pckd.data.images import ImageData, channel_statistics
from pckd.errors import InputError

CATALOGUE: dict[str, Entry] = {
    "cifar100": Stored(
        forms=(parquet.FORM, official.CIFAR100_FORM, class_folders.FORM),
        folders=("data", "cifar100", official.CIFAR100_FOLDER),
        normalisation=((0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761)),
        download=Download(official.CIFAR100_URL, official.download_cifar100),
    ),
    "digits": Embedded("scikit-learn", read_digits),
    "folder": Stored(forms=(class_folders.FORM,), folders=("data",)),
    "parquet": Stored(forms=(parquet.FORM,), folders=("data",)),
    "stl10": Stored(
        forms=(parquet.FORM, official.STL10_FORM, class_folders.FORM),
        folders=("data", "stl10", official.STL10_FOLDER),
        normalisation=((0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2712)),
        download=Download(official.STL10_URL, official.download_stl10),
    ),
    "tiny-imagenet": Stored(
        forms=(parquet.FORM, tiny_imagenet.FORM, class_folders.FORM),
        folders=("data", "tiny-imagenet", tiny_imagenet.FOLDER),
        normalisation=((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)),
        download=Download(tiny_imagenet.URL, tiny_imagenet.download),
    ),
}
"""Normalisation: CIFAR-100 from the method's first release; STL-10 and TinyImageNet as published
with re-implementations of the transfer protocol; the others are computed."""


def list_data() -> list[str]:
    """Return the names of the data sets, sorted."""
    return sorted(CATALOGUE)


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
    entry = _entry(name)
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size must be 1 or more pixels, got {image_size}")
    where, source = entry.locate(name, root, download)
    stamps = [(stamp.location, stamp.size, stamp.modified) for stamp in source.files]
    content, fingerprint = load_or_build(
        name,
        [stamps, image_size],
        lambda: build_content(name, where, source.read(), image_size),
    )
    mean, std = entry.normalisation or channel_statistics(content.train.images)
    return ImageData(name, content.train, content.test, content.class_names, mean, std, fingerprint)


def _entry(name: str) -> Entry:
    try:
        return CATALOGUE[name]
    except KeyError:
        near = get_close_matches(name, CATALOGUE, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(list_data())}"
        raise InputError(f"there is no data set '{name}': {hint}") from None
