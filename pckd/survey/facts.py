"""Facts about one encoded image before it is converted."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, ImageCms

from pckd.data.decoding import decode_image, flaw_of, open_image
from pckd.data.forms.base import Encoded
from pckd.data.pixels import Flaw


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts about an image.

    Attributes:
        digest: SHA-256 of its file or pixels, the same for copies.
        form: Of its file, such as PNG; empty if it cannot be opened.
        mode: Of its pixels, as Pillow names it.
        size: Height and width as it is shown, such as 16x24.
        is_transparent: Whether its file has transparent pixels or could have.
        is_turned: Whether its file says that it must be turned.
        is_constant: Whether all pixels have one colour.
        is_profiled: Whether its file says that its colours are other than those of sRGB.
        flaw: Why it cannot be used, or None.
    """

    digest: str
    form: str = ""
    mode: str = ""
    size: str = ""
    is_transparent: bool = False
    is_turned: bool = False
    is_constant: bool = False
    is_profiled: bool = False
    flaw: Flaw | None = None


def facts_of(content: Encoded) -> ImageFacts:
    """Open and decode an image, and describe it."""
    try:
        return _array_facts(content) if isinstance(content, np.ndarray) else _file_facts(content)
    except Exception as error:
        digest = hashlib.sha256(str(content).encode()).hexdigest()
        return ImageFacts(digest, flaw=flaw_of(error))


def _array_facts(pixels: np.ndarray) -> ImageFacts:
    return ImageFacts(
        digest=hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest(),
        form="pixels",
        mode="RGB",
        size=_size(pixels),
        is_constant=_is_constant(pixels),
    )


def _file_facts(content: bytes | Path) -> ImageFacts:
    encoded = content.read_bytes() if isinstance(content, Path) else content
    pixels = decode_image(content, None)
    with open_image(content) as image:
        return ImageFacts(
            digest=hashlib.sha256(encoded).hexdigest(),
            form=image.format or "",
            mode=image.mode,
            size=_size(pixels),
            is_transparent=image.has_transparency_data,
            is_turned=image.getexif().get(ExifTags.Base.Orientation, 1) != 1,
            is_constant=_is_constant(pixels),
            is_profiled=_has_other_colours(image.info.get("icc_profile")),
        )


def _has_other_colours(profile: bytes | None) -> bool:
    """Return whether a colour profile is not that of sRGB, as which all pixels are read."""
    if not profile:
        return False
    try:
        return "sRGB" not in ImageCms.getProfileDescription(io.BytesIO(profile))
    except ImageCms.PyCMSError:  # it is damaged
        return True


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"


def _is_constant(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[:1, :1]).all())
