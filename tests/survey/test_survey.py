"""`pckd data check`: what is understood of a data set, and what is odd about it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from pckd.cli import main
from pckd.data import building, open_data
from pckd.errors import InputError
from pckd.survey.contact_sheet import GAP, MARGIN, TILE, draw_sheet
from pckd.survey.survey import Survey, survey_data

COLOURS = {"apple": (200, 60, 60), "leaf": (60, 200, 60)}


def noise(colour: tuple[int, int, int], seed: int) -> Image.Image:
    pixels: NDArray[np.float64] = np.random.default_rng(seed).normal(colour, 20, (16, 16, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten training and five test images of each of two classes."""
    for split, count in (("train", 10), ("test", 5)):
        for name, colour in COLOURS.items():
            folder = tmp_path / "root" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                noise(colour, 100 * count + number).save(folder / f"{number}.png")
    return tmp_path / "root"


def survey(root: Path, image_size: int | None = None) -> Survey:
    return survey_data("folder", root, download=False, image_size=image_size)


def test_an_ordinary_set_has_nothing_odd(root: Path) -> None:
    found = survey(root)
    assert found.class_names == ("apple", "leaf")
    assert [split.counts for split in found.splits] == [[10, 10], [5, 5]]
    assert found.splits[0].tally("size") == {"16x16": 20}
    assert found.splits[0].tally("mode") == {"RGB": 20}
    assert found.splits[1].tally("form") == {"PNG": 10}
    assert (found.problems, found.oddities) == ([], [])


def test_a_split_that_is_not_used_is_said(root: Path) -> None:
    (root / "val/leaf").mkdir(parents=True)
    assert survey(root).oddities == ["val beside train and test is not used"]


def test_classes_that_differ_in_case_alone_are_named(root: Path) -> None:
    for split in ("train", "test"):
        (root / split / "leaf").rename(root / split / "Apple")
    (oddity,) = survey(root).oddities
    assert oddity.endswith("are two classes: 'Apple' and 'apple'")


def _profile(space: str) -> bytes:
    made = ImageCms.createProfile(space)  # type: ignore[arg-type]
    return ImageCms.ImageCmsProfile(made).tobytes()


def test_oddities_are_said_with_their_first_file(root: Path) -> None:
    (root / "train/leaf/copy.png").write_bytes((root / "train/apple/0.png").read_bytes())
    (root / "train/apple/1 again.png").write_bytes((root / "train/apple/1.png").read_bytes())
    (root / "test/apple/seen.png").write_bytes((root / "train/apple/1.png").read_bytes())
    Image.new("RGB", (16, 16)).save(root / "train/leaf/black.png")
    noise((9, 9, 9), 1).convert("RGBA").save(root / "train/leaf/clear.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    noise((9, 9, 9), 2).save(root / "test/leaf/turned.jpg", exif=exif)
    for number, profile in enumerate((_profile("LAB"), _profile("sRGB"), b"damaged")):
        noise((9, 9, 9), 3 + number).save(root / f"test/apple/{number}.jpg", icc_profile=profile)
    (root / "train/apple/notes.txt").write_text("?")
    (root / "train/apple/Thumbs.db").write_text("?")
    said = "\n".join(survey(root).oddities)
    assert "training and for testing: train/apple/1 again.png and test/apple/seen.png" in said
    assert "has two labels: train/apple/0.png and train/leaf/copy.png" in said
    assert "1 of 24 training images have a single colour: train/leaf/black.png" in said
    assert "have transparent pixels, through which white shows: train/leaf/clear.png" in said
    assert "1 of 15 test images are turned as their files say: test/leaf/turned.jpg" in said
    assert "other than sRGB, which is not applied: test/apple/0.jpg, test/apple/2.jpg" in said
    assert "test/apple/1.jpg" not in said
    assert "1 files are passed over (1 .txt), such as" in said
    assert "Thumbs" not in said


def test_problems_are_those_of_opening(root: Path) -> None:
    (root / "train/apple/text.png").write_text("no image")
    Image.new("F", (16, 16)).save(root / "train/apple/deep.tif")
    (root / "train/river").mkdir()
    noise((1, 2, 3), 0).resize((8, 8)).save(root / "test/leaf/small.png")
    said = "; ".join(survey(root).problems)
    assert "missing, truncated or no images: train/apple/text.png" in said
    assert "train/apple/deep.tif (mode F)" in said
    assert "classes without a training image: river" in said
    assert "images have 2 sizes (16x16, 8x8): set data.image_size" in said
    assert "2 sizes" not in "; ".join(survey(root, 8).problems)


def test_the_sheet_shows_each_class_in_its_row(root: Path, tmp_path: Path) -> None:
    draw_sheet(survey(root), None, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"), dtype=float)
    for row, colour in enumerate(COLOURS.values(), start=1):
        for column in (0, 7, 9, 12):  # the first and last image of each split
            top, left = row * (TILE + GAP), MARGIN + column * (TILE + GAP)
            tile = sheet[top : top + TILE, left : left + TILE]
            np.testing.assert_allclose(tile.mean((0, 1)), colour, atol=5)


def test_a_sheet_that_cannot_be_written_is_one_sentence(root: Path) -> None:
    with pytest.raises(InputError, match=r"contact sheet .* cannot be written"):
        draw_sheet(survey(root), None, root / "train/apple/0.png/sheet.png")


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["pckd", "data", "check", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        assert caught.value.code == code
        return captured.out + captured.err

    return run


def test_the_command_prints_and_draws(command: Callable[..., str], root: Path) -> None:
    out = command("folder", "--data-root", str(root))
    assert "2 classes: apple, leaf" in out
    assert "16x16: 20" in out
    assert Path("folder-contact-sheet.png").is_file()


def test_the_command_gives_json_and_ends_with_2_where_a_run_would(
    command: Callable[..., str], root: Path
) -> None:
    content = json.loads(command("folder", "--data-root", str(root), "--json"))
    assert content["splits"][1]["images_of_class"] == [5, 5]
    (root / "train/apple/text.png").write_text("no image")
    out = command("folder", "--data-root", str(root), "--sheet", "sheet.png", code=2)
    assert "cannot be used: training images that are missing" in out
    assert Path("sheet.png").is_file()


def test_images_that_do_not_fit_into_memory_are_refused_before_they_are_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the machine would kill the process, which leaves no word."""
    sentence = "30 images of 100000x100000 pixels take 838.2 GiB, and this machine has 24.0 GiB"
    monkeypatch.setattr(building, "available_memory", lambda: 24 * 2**30)
    assert any(sentence in problem for problem in survey(root, 100_000).problems)
    with pytest.raises(InputError, match=f"{sentence} of memory: set data.image_size to less"):
        open_data("folder", root, image_size=100_000)
    monkeypatch.setattr(building, "available_memory", lambda: 30 * 3 * 16 * 16)
    with pytest.raises(InputError, match="30 images of 16x16 pixels"):
        open_data("folder", root)


def test_a_named_sheet_replaces_no_file_of_the_users(
    command: Callable[..., str], root: Path
) -> None:
    Path("mine.png").write_text("precious")
    named = ("folder", "--data-root", str(root), "--sheet", "mine.png")
    assert "mine.png is there already: --force overwrites it" in command(*named, code=2)
    assert Path("mine.png").read_text() == "precious"
    command(*named, "--force")
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")


def test_built_in_digits_are_looked_at_too(command: Callable[..., str]) -> None:
    Path("notes.txt").write_text("of the folder in which the command runs")
    out = command("digits")
    assert "10 classes: 0, 1, 2, 3, 4 and 5 more" in out
    assert "notes.txt" not in out


def test_a_size_beyond_reason_is_refused_and_not_drawn(command: Callable[..., str]) -> None:
    assert "GiB of memory: set data.image_size" in command(
        "digits", "--image-size", "1000000000", code=2
    )
