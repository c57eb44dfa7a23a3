"""Damaged image files are found without decoding those that look whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pckd.data.pixels import DAMAGED
from pckd.data.soundness import flawed_files

MakePixels = Callable[..., NDArray[np.uint8]]
FORMATS = ["jpg", "png", "bmp", "webp", "gif"]


def damaged(folder: Path) -> list[str]:
    names = sorted(file.name for file in folder.iterdir())
    found = flawed_files(folder, names, "checking")
    assert all(flaw == DAMAGED for _, flaw in found)
    return [name for name, _ in found]


@pytest.fixture
def folder(tmp_path: Path, random_pixels: MakePixels) -> Path:
    """One image of each format, and a greyscale one."""
    image = Image.fromarray(random_pixels(30, 40, 3))
    for suffix in FORMATS:
        image.save(tmp_path / f"image.{suffix}")
    image.convert("L").save(tmp_path / "grey.jpg")
    return tmp_path


def test_whole_images_pass(folder: Path) -> None:
    assert damaged(folder) == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_what_is_cut_short_is_found(folder: Path, suffix: str, kept: float) -> None:
    file = folder / f"image.{suffix}"
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content))])
    assert damaged(folder) == [file.name]


def test_text_folders_and_dead_links_are_found(folder: Path) -> None:
    (folder / "text.jpg").write_text("not found")
    (folder / "folder.png").mkdir()
    (folder / "link.jpg").symlink_to("nowhere")
    assert damaged(folder) == ["folder.png", "link.jpg", "text.jpg"]


@pytest.mark.parametrize("padding", [b"\0" * 8, b"\0" * 4000])
def test_padding_after_the_end_does_no_harm(folder: Path, padding: bytes) -> None:
    with (folder / "image.jpg").open("ab") as stream:
        stream.write(padding)
    assert damaged(folder) == []


def test_what_looks_whole_is_not_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pckd.data.soundness.decode_image", None)
    assert damaged(folder) == ["image.bmp", "image.gif", "image.webp"]


def test_many_files_are_named_in_their_order(tmp_path: Path) -> None:
    names = [f"{number:04d}.jpg" for number in range(600)]
    for name in names:
        (tmp_path / name).touch()
    assert flawed_files(tmp_path, names, "checking") == [(name, DAMAGED) for name in names]
