"""Pixels of every mode become the RGB that they are meant to be, or are refused by name."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin

from pckd.data import open_data
from pckd.data.decoding import decode_image, flaw_of
from pckd.data.pixels import Flaw
from pckd.errors import InputError

Pixels = NDArray[np.uint8]
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def flaw(content: bytes | Path) -> Flaw:
    try:
        decode_image(content, None)
    except Exception as error:
        return flaw_of(error)
    raise AssertionError("it was decoded")


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_deep_greys_are_scaled_from_their_full_range(form: str) -> None:
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(decode_image(saved(deep, form), None)[..., 1], GREY)


def test_deep_greys_in_between_are_rounded_to_the_nearest() -> None:
    values = np.array([[0, 128, 129, 65535, 65406, 65407]], dtype=np.uint16)
    decoded = decode_image(saved(Image.fromarray(values), "PNG"), None)[0, :, 0]
    assert decoded.tolist() == [0, 0, 1, 255, 254, 255]


@pytest.mark.parametrize(("photometric", "expected"), [(1, GREY), (0, 255 - GREY)])
def test_a_tiff_says_whether_zero_is_black(photometric: int, expected: Pixels) -> None:
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    content = saved(deep, "TIFF", tiffinfo={262: photometric})
    np.testing.assert_array_equal(decode_image(content, None)[..., 0], expected)


def test_a_deep_pgm_is_scaled_from_its_own_range() -> None:
    values = np.array([[0, 2048, 4095]], dtype=">u2")
    content = b"P5 3 1 4095\n" + values.tobytes()
    assert decode_image(content, None)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_of_no_known_range_are_refused_by_their_mode(mode: str) -> None:
    assert flaw(saved(Image.new(mode, (4, 4)), "TIFF")).detail == f"mode {mode}"


def test_lab_is_refused_by_name() -> None:
    assert flaw(saved(Image.new("LAB", (4, 4)), "TIFF")).detail == "mode LAB"


def test_one_bit_becomes_black_and_white() -> None:
    image = Image.fromarray(np.array([[True, False]]))
    assert decode_image(saved(image, "PNG"), None)[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_printing_colours_become_light(form: str) -> None:
    inks = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue = decode_image(saved(inks, form), None)[4, 4].tolist()
    assert red > 250
    assert green < 5
    assert blue < 5


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_white_shows_through_an_alpha_channel(mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    decoded = decode_image(saved(image.convert(mode), "PNG"), None)
    assert decoded[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_white_shows_through_the_transparent_entry_of_a_palette(form: str) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 9, 9, 9])
    image.putpixel((1, 0), 1)
    decoded = decode_image(saved(image, form, transparency=0), None)
    assert decoded[0].tolist() == [[255] * 3, [9] * 3]


@pytest.mark.parametrize(("mode", "key"), [("RGB", (0, 0, 0)), ("L", 0)])
def test_white_shows_through_a_transparent_colour(mode: str, key: object) -> None:
    image = Image.fromarray(np.array([[0, 9]], dtype=np.uint8)).convert(mode)
    decoded = decode_image(saved(image, "PNG", transparency=key), None)
    assert decoded[0].tolist() == [[255] * 3, [9] * 3]


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    image = Image.new("RGBA", (1, 1), (0, 100, 200, 51))
    expected = [round(255 * 0.8 + colour * 0.2) for colour in (0, 100, 200)]
    assert decode_image(saved(image, "PNG"), None)[0, 0].tolist() == expected


def test_an_alpha_of_255_everywhere_changes_nothing(random_pixels: Callable[..., Pixels]) -> None:
    pixels = random_pixels(8, 8, 3)
    content = saved(Image.fromarray(pixels).convert("RGBA"), "PNG")
    np.testing.assert_array_equal(decode_image(content, None), pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_file_says(form: str, orientation: int) -> None:
    upright = np.zeros((16, 24, 3), dtype=np.uint8)
    upright[:8, :12] = 255  # white top left
    undo: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    decoded = decode_image(saved(stored, form, exif=exif), None)
    assert decoded.shape == upright.shape
    np.testing.assert_allclose(decoded, upright, atol=40)


@pytest.mark.parametrize("form", ["TIFF", "GIF", "WEBP", "PNG"])
def test_files_of_several_pages_are_refused_with_their_number(form: str) -> None:
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    content = saved(pages[0], form, save_all=True, append_images=pages[1:])
    assert flaw(content).detail == "3 pages"
    assert "several pages" in flaw(content).kind


def test_previews_beside_a_picture_are_no_pages() -> None:
    picture, preview = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (2, 2), "blue")
    mpo = saved(picture, "MPO", save_all=True, append_images=[preview])
    stream = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream) as writer:
        picture.save(writer, "TIFF")
        writer.newFrame()
        preview.save(writer, "TIFF", tiffinfo={254: 1})
        writer.newFrame()
        tiff = stream.getvalue()
    assert Image.open(io.BytesIO(tiff)).n_frames == 2  # type: ignore[attr-defined]
    for content in (mpo, tiff):
        assert decode_image(content, None).shape == (8, 8, 3)


def test_a_very_large_image_is_told_from_a_damaged_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    found = flaw(saved(Image.new("RGB", (5, 5)), "PNG"))
    assert found.detail == "25 pixels"
    assert "more pixels than are decoded" in found.kind


@pytest.mark.parametrize("suffix", [".heic", ".DNG", ".npy"])
def test_images_of_kinds_that_are_not_read_are_named(
    root: Path, random_pixels: Callable[..., Pixels], write_folder: Callable[..., None], suffix: str
) -> None:
    for split in ("train", "test"):
        write_folder(root / split, random_pixels(4, 8, 8, 3), ["cat", "cat", "dog", "dog"])
    picture = root / f"train/cat/IMG_1{suffix}"
    Image.fromarray(random_pixels(8, 8, 3)).save(picture, "TIFF")  # as raw files begin
    with pytest.raises(InputError, match=f"not read: .* train/cat/IMG_1{suffix}"):
        open_data("folder", root)


def test_each_kind_of_flaw_is_said_with_its_first_file_and_their_number(
    root: Path, random_pixels: Callable[..., Pixels], write_folder: Callable[..., None]
) -> None:
    for split in ("train", "test"):
        write_folder(root / split, random_pixels(4, 8, 8, 3), ["cat", "cat", "dog", "dog"])
    page = Image.fromarray(random_pixels(8, 8, 3))
    for number in range(7):
        page.save(root / f"train/cat/{number}.tif", save_all=True, append_images=[page])
    Image.new("F", (8, 8)).save(root / "test/dog/depth.tif")
    with pytest.raises(InputError) as caught:
        open_data("folder", root)
    message = str(caught.value)
    assert "several pages, of which an image can be one only: train/cat/0.tif (2 pages)" in message
    assert "and 2 more; test images that have pixels of a kind that is not read" in message
    assert "test/dog/depth.tif (mode F)" in message
