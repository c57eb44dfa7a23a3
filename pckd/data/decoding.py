"""Parallel decoding of images into one array of pixels."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pckd.data.forms.base import Encoded
from pckd.data.forms.files import is_read
from pckd.data.pixels import DAMAGED, Flaw, FlawedImageError, to_rgb
from pckd.data.tracking import tracked

CHUNK = 256
"""Images that a thread decodes in one go."""

# Up to twice this many pixels are decoded, beyond that `Image.open` raises: no need to warn.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decode_images(
    contents: Sequence[Encoded], image_size: int | None, description: str
) -> tuple[NDArray[np.uint8], Mapping[int, Flaw], list[int]]:
    """Decode images to RGB with as many threads as torch may use.

    Pillow decodes: torchvision's decoder is faster on small images, but a damaged PNG ends the
    whole process there. Threads, because Pillow leaves the interpreter free while it decodes, and
    because processes would each import torch first.

    Args:
        contents: N images.
        image_size: Height and width in pixels to resize to (bilinear, antialiased; the aspect is
            not kept), or None to take the images as they are.
        description: What the progress bar says; it shows when standard error is a terminal.

    Returns:
        The pixels, uint8 [N, 3, H, W]; what is wrong with images that cannot be used, by their
        positions, ascending; and the positions of images whose size is not that of the first one.
        The pixels at these positions are black.
    """
    height, width = (image_size, image_size) if image_size else _first_size(contents)
    pixels = np.zeros((len(contents), 3, height, width), dtype=np.uint8)
    flaws: dict[int, Flaw] = {}
    odd_sized: list[int] = []

    def decode_chunk(start: int) -> None:
        for position in range(start, min(start + CHUNK, len(contents))):
            try:
                image = decode_image(contents[position], image_size)
            except Exception as error:
                flaws[position] = flaw_of(error)
                continue
            if image.shape[:2] == (height, width):
                pixels[position] = image.transpose(2, 0, 1)
            else:
                odd_sized.append(position)

    starts = range(0, len(contents), CHUNK)
    pool = ThreadPoolExecutor(torch.get_num_threads())
    try:
        chunks = pool.map(decode_chunk, starts)
        for _ in tracked(chunks, description, len(starts)):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    return pixels, dict(sorted(flaws.items())), sorted(odd_sized)


def _first_size(contents: Sequence[Encoded]) -> tuple[int, int]:
    """Return height and width of the first image that can be decoded, or 1x1 if none can."""
    for content in contents:
        try:
            height, width = decode_image(content, None).shape[:2]
        except Exception:  # as above; it is reported when all images are decoded
            continue
        return height, width
    return 1, 1


def decode_image(content: Encoded, image_size: int | None) -> NDArray[np.uint8]:
    """Decode one image to RGB, uint8 [H, W, 3].

    Raises:
        Exception: It cannot be used; `flaw_of` says why.
    """
    if isinstance(content, np.ndarray):
        image = Image.fromarray(content)
    else:
        with open_image(content) as opened:
            image = to_rgb(opened)
    if image_size and image.size != (image_size, image_size):
        image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def open_image(content: bytes | Path) -> Image.Image:
    """Open an encoded image; its pixels are not decoded yet.

    Raises:
        Exception: It cannot be used; `flaw_of` says why.
    """
    if isinstance(content, bytes):
        return Image.open(io.BytesIO(content))
    if not is_read(content):
        raise FlawedImageError(Flaw("are of a kind that is not read: save them as JPEG or PNG"))
    return Image.open(io.BytesIO(content.read_bytes()))


def flaw_of(error: Exception) -> Flaw:
    """Say what is wrong with an image that cannot be decoded.

    Args:
        error: What was raised. Pillow has no common error: OSError, SyntaxError, struct.error ...
    """
    if isinstance(error, FlawedImageError):
        return error.flaw
    if isinstance(error, Image.DecompressionBombError):
        found = re.search(r"\((\d+) pixels", str(error))
        return Flaw(
            "have more pixels than are decoded: make them smaller",
            f"{found[1]} pixels" if found else "",
        )
    return DAMAGED
