"""Target data sets: the images on which frozen networks are probed."""

from functools import lru_cache
from typing import Any

from pckd.data import ImageData, is_multi_label, limit_images, open_data, select_classes
from pckd.errors import InputError
from pckd.training.config import DataConfig

GENERIC = ("folder", "parquet")
"""Data sets whose name does not say what the images are: their root tells them apart."""


@lru_cache(maxsize=2)
def open_target(config: DataConfig, image_size: int | None) -> ImageData:
    """Open a target, resized, and select from it as a run does; the last two stay in memory.

    Args:
        config: Its held-out split does not matter here: probes train on all training images.
        image_size: Height and width in pixels that the images are resized to; None leaves them.

    Raises:
        InputError: The data set is not there, is damaged, or cannot be selected from as asked; or
            fewer than two classes are left.
    """
    if is_multi_label(config.name) and (config.classes or config.images_per_class):
        raise InputError(
            f"images of {config.name} show several classes each, so neither classes nor "
            "images_per_class can select from it"
        )
    data = open_data(config.name, config.root, download=config.download, image_size=image_size)
    if config.classes is not None:
        data = select_classes(data, config.classes)
    if config.images_per_class is not None:
        data = limit_images(data, config.images_per_class)
    if len(data.class_names) < 2:
        raise InputError(f"target {config.name} has one class: a probe tells two or more apart")
    return data


def target_content(config: DataConfig) -> dict[str, Any]:
    """Identity of a target, as JSON can write it, without opening the images."""
    selection = config.model_dump(
        mode="json", include={"name", "classes", "images_per_class", "image_size"}
    )
    return {**selection, "root": config.root if config.name in GENERIC else None}
