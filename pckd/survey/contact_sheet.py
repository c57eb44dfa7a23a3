"""A contact sheet: some images of each class, as a network will see them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pckd.data.decoding import decode_image
from pckd.errors import InputError
from pckd.files import write_atomically
from pckd.survey.survey import SplitSurvey, Survey

CLASSES = 24
"""Largest number of rows; of more classes, some evenly spread ones are shown."""

IMAGES = {"training": 8, "test": 4}
"""Number of images of each class shown from each split."""

TILE, GAP, MARGIN = 64, 4, 150
"""Sizes in pixels: of an image, of the gap between images, of the column of class names."""

LARGEST = 16 * TILE
"""Height and width in pixels beyond which an image looks the same in its tile."""

FONT_SIZE = 13


def draw_sheet(survey: Survey, image_size: int | None, file: Path) -> None:
    """Draw the first images of each class, training images on the left, and write a PNG file.

    Args:
        survey: Of the data set.
        image_size: Height and width that images are resized to before they are shown, or None.
        file: Where to write.

    Raises:
        InputError: The file cannot be written.
    """
    shown = _spread(len(survey.class_names))
    columns = sum(IMAGES.values()) + 1
    size = (MARGIN + columns * (TILE + GAP), (len(shown) + 1) * (TILE + GAP))
    sheet = Image.new("RGB", size, "#f4f4f4")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    left = MARGIN
    for split in survey.splits:
        pen.text((left, TILE // 2), f"{split.name} images", "black", font)
        for row, label in enumerate(shown, start=1):
            for column, tile in enumerate(_tiles(split, label, image_size)):
                sheet.paste(tile, (left + column * (TILE + GAP), row * (TILE + GAP)))
        left += (IMAGES[split.name] + 1) * (TILE + GAP)
    for row, label in enumerate(shown, start=1):
        text = f"{label}  {survey.class_names[label]}"
        counts = " + ".join(str(split.counts[label]) for split in survey.splits)
        pen.text((GAP, row * (TILE + GAP) + TILE // 4), f"{text[:20]}\n{counts}", "black", font)
    try:
        write_atomically(file, lambda stream: sheet.save(stream, "PNG"))
    except OSError as error:
        raise InputError(
            f"the contact sheet {file} cannot be written: {error.strerror or error}"
        ) from None


def _spread(classes: int) -> list[int]:
    """Return all labels, or evenly spread ones where there are too many."""
    return sorted({int(label) for label in np.linspace(0, classes - 1, min(CLASSES, classes))})


def _tiles(split: SplitSurvey, label: int, image_size: int | None) -> Sequence[Image.Image]:
    labels = split.raw.labels
    of_class = labels[:, label] == 1 if labels.ndim == 2 else labels == label
    usable = [
        position
        for position in np.flatnonzero(of_class).tolist()
        if split.facts[position].flaw is None
    ]
    size = None if image_size is None else min(image_size, LARGEST)
    images = (decode_image(split.raw.contents[p], size) for p in usable[: IMAGES[split.name]])
    return [_tile(image) for image in images]


def _tile(pixels: np.ndarray) -> Image.Image:
    """Scale an image to a tile: its longer side fills it, its pixels stay visible."""
    image = Image.fromarray(pixels)
    factor = TILE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    resampling = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BILINEAR
    return image.resize(size, resampling)
