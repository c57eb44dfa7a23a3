"""Conversion of an opened image file to 8-bit RGB, or the reason why it cannot be converted."""

from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffTags

CONVERTED = frozenset(
    ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
)
"""Modes of 8 bits a channel or fewer that Pillow converts to RGB as they are meant."""

GROUND = "white"
"""Colour behind transparent pixels."""

BITS_PER_SAMPLE, PHOTOMETRIC, SUBFILE_TYPE = 258, 262, 254
"""Tags of TIFF files."""

REDUCED = 1
"""Bit of a TIFF page's type: it is a smaller copy of another page."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Reason why an image cannot be used.

    Attributes:
        kind: Completes the sentence "images that ...", the same for all images of this flaw.
        detail: More about this one, or nothing.
    """

    kind: str
    detail: str = ""


DAMAGED = Flaw("are missing, truncated or no images")


class FlawedImageError(Exception):
    """An image that cannot be used."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.kind)
        self.flaw = flaw


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an opened image to RGB, 8 bits a channel, upright as its file says.

    Greys of 16 bits are scaled from their full range; transparent pixels let white through.

    Raises:
        FlawedImageError: It has several pages, or a mode whose range of values is not known.
        Exception: Pillow's own, of many types, where the file is damaged.
    """
    check_header(image)
    image.load()
    upright = _upright(image)
    if upright.mode not in CONVERTED:
        return _scaled(upright, *_range_of(image))
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layers = upright.convert("RGBA")
    if layers.getchannel("A").getextrema()[0] == 255:
        return layers.convert("RGB")
    ground = Image.new("RGBA", layers.size, GROUND)
    return Image.alpha_composite(ground, layers).convert("RGB")


def check_header(image: Image.Image) -> None:
    """Refuse an opened image of unsupported pages or mode, before it is decoded.

    Raises:
        FlawedImageError: It has several pages, or a mode whose range of values is not known.
    """
    pages = _pages(image)
    if pages > 1:
        raise FlawedImageError(
            Flaw("hold several pages, of which an image can be one only", f"{pages} pages")
        )
    if image.mode in CONVERTED:
        return
    is_deep_grey = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if not is_deep_grey or "transparency" in image.info:
        raise FlawedImageError(
            Flaw(
                "have pixels of a kind that is not read (8 bits a channel are, and greys of 16)",
                f"mode {image.mode}",
            )
        )


def _pages(image: Image.Image) -> int:
    """Count the pages of a file, leaving out the previews that cameras store beside a picture."""
    pages = int(getattr(image, "n_frames", 1))
    if pages == 1 or image.format == "MPO":
        return 1
    if image.format != "TIFF":
        return pages
    kinds = []
    for page in range(pages):
        image.seek(page)
        kinds.append(int(image.tag_v2.get(SUBFILE_TYPE, 0)))  # type: ignore[attr-defined]
    image.seek(0)
    return sum(not kind & REDUCED for kind in kinds)


def _upright(image: Image.Image) -> Image.Image:
    """Rotate a loaded image as its EXIF data say; unreadable EXIF data are ignored."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # damaged EXIF data fail in many ways and do not harm the pixels
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _range_of(image: Image.Image) -> tuple[int, bool]:
    """Return the largest possible value of deep grey pixels, and whether it means black."""
    if image.format != "TIFF":
        return 2**16 - 1, False
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits = int(tags.get(BITS_PER_SAMPLE, (16,))[0])
    white_is_zero = TiffTags.lookup(PHOTOMETRIC).enum["WhiteIsZero"]
    return 2**bits - 1, tags.get(PHOTOMETRIC) == white_is_zero


def _scaled(image: Image.Image, largest: int, inverted: bool) -> Image.Image:
    """Scale greys from 0 to the largest value to 0 to 255, rounded to the nearest."""
    values = np.asarray(image).astype(np.int64).clip(0, largest)
    grey = ((values * 255 + largest // 2) // largest).astype(np.uint8)
    return Image.fromarray(255 - grey if inverted else grey).convert("RGB")
