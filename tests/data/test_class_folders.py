"""Class folders, and what can be wrong with images whatever their form."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pckd.data import data_notices, open_data
from pckd.errors import InputError

Pixels = NDArray[np.uint8]


@pytest.fixture
def images(random_pixels: Callable[..., Pixels]) -> Pixels:
    return random_pixels(6, 8, 8, 3)


@pytest.fixture
def tree(root: Path, images: Pixels, write_folder: Callable[..., None]) -> Path:
    """Four training and two test images of cats and dogs."""
    write_folder(root / "train", images[:4], ["cat", "cat", "dog", "dog"])
    write_folder(root / "test", images[4:], ["cat", "dog"])
    return root


def test_images_are_read_in_the_order_of_their_names(tree: Path, images: Pixels) -> None:
    data = open_data("folder", tree)
    assert data.class_names == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(data.train.images.permute(0, 2, 3, 1), images[:4])
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), images[4:])
    np.testing.assert_allclose(data.mean, (images[:4] / 255).mean((0, 1, 2)))


def test_the_test_images_may_lie_in_val_and_deeper(tree: Path, images: Pixels) -> None:
    (tree / "test").rename(tree / "val")
    (tree / "val/cat/deeper").mkdir()
    (tree / "val/cat/000.png").rename(tree / "val/cat/deeper/000.PNG")
    (tree / "test/images").mkdir(parents=True)  # unlabelled images, as in TinyImageNet
    data = open_data("folder", tree)
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), images[4:])


def test_splits_that_are_not_used_are_named(
    tree: Path, images: Pixels, write_folder: Callable[..., None]
) -> None:
    open_data("folder", tree)
    assert data_notices("folder", tree) == ()
    for name in ("val", "extra"):
        write_folder(tree / name, images[:2], ["cat", "bird"])
    (tree / "unlabelled/images").mkdir(parents=True)
    open_data("folder", tree)
    assert data_notices("folder", tree) == ("extra, val beside train and test are not used",)


def test_classes_that_differ_in_case_alone_are_named(tree: Path) -> None:
    for split in ("train", "test"):
        (tree / split / "dog").rename(tree / split / "Cat")
    assert open_data("folder", tree).class_names == ("Cat", "cat")
    (notice,) = data_notices("folder", tree)
    assert notice.endswith("are two classes: 'Cat' and 'cat'")


def test_a_pipe_is_refused_and_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "train/cat/a.png")
    with pytest.raises(InputError, match=r"train/cat/a\.png is no file but a pipe or a device"):
        open_data("folder", tree)


def test_other_files_are_passed_over(tree: Path) -> None:
    before = open_data("folder", tree).fingerprint
    (tree / "train/cat/notes.txt").write_text("no image")
    (tree / "train/cat/.hidden.png").write_text("no image")
    (tree / "train/.hidden").mkdir()
    (tree / "train/list.txt").write_text("no class")
    assert open_data("folder", tree).fingerprint == before


def test_greyscale_palette_and_transparent_images_become_rgb(
    tree: Path, random_pixels: Callable[..., Pixels]
) -> None:
    grey = random_pixels(8, 8)
    picture = Image.fromarray(grey)
    picture.save(tree / "train/cat/000.jpg", quality=100)
    picture.save(tree / "train/cat/001.png")
    picture.convert("P").save(tree / "train/dog/002.png")
    picture.convert("RGBA").save(tree / "train/dog/003.png")
    data = open_data("folder", tree)
    decoded = data.train.images
    assert decoded.shape == (5, 3, 8, 8)
    channels_agree = (decoded == decoded[:, :1]).flatten(1).all(1)
    assert channels_agree.tolist() == [True, False, True, True, True]
    for position in (2, 3, 4):
        np.testing.assert_array_equal(decoded[position, 0], grey)


def test_resizing_is_pillows_antialiased_bilinear(tree: Path, images: Pixels) -> None:
    data = open_data("folder", tree, image_size=5)
    for pixels, image in zip(data.train.images, images, strict=False):
        expected = Image.fromarray(image).resize((5, 5), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(pixels.permute(1, 2, 0), np.asarray(expected))


def test_images_of_unequal_sizes_need_an_image_size(
    tree: Path, random_pixels: Callable[..., Pixels]
) -> None:
    Image.fromarray(random_pixels(8, 9, 3)).save(tree / "train/dog/003.png")
    with pytest.raises(InputError, match=r"not 8x8 .* set data.image_size: train/dog/003\.png"):
        open_data("folder", tree)
    assert open_data("folder", tree, image_size=8).train.images.shape == (4, 3, 8, 8)


def test_splits_of_unequal_sizes_need_an_image_size(
    tree: Path, random_pixels: Callable[..., Pixels]
) -> None:
    for file in tree.glob("test/*/*.png"):
        Image.fromarray(random_pixels(6, 4, 3)).save(file)
    with pytest.raises(
        InputError, match=r"images are 8x8 and test images 6x4, so set data\.image_size"
    ):
        open_data("folder", tree)


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "gif"])
def test_damaged_images_are_named(
    tree: Path, form: str, random_pixels: Callable[..., Pixels]
) -> None:
    whole = tree / f"train/cat/whole.{form}"
    Image.fromarray(random_pixels(8, 8, 3)).save(whole)
    (tree / f"train/dog/truncated.{form}").write_bytes(
        whole.read_bytes()[: whole.stat().st_size // 2]
    )
    (tree / f"train/dog/no image.{form}").write_text("no image")
    (tree / f"test/dog/empty.{form}").write_bytes(b"")
    with pytest.raises(InputError) as info:
        open_data("folder", tree)
    message = str(info.value)
    assert f"no images: train/dog/no image.{form}, train/dog/truncated.{form};" in message
    assert f"no images: test/dog/empty.{form}" in message
    assert "whole" not in message
    assert "\n" not in message


def test_a_png_with_damaged_pixels_is_named(tree: Path) -> None:
    # torchvision's decoder ends the process here, which is why Pillow decodes.
    damaged = bytearray((tree / "train/cat/000.png").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tree / "train/cat/000.png").write_bytes(damaged)
    with pytest.raises(InputError, match=r"no images: train/cat/000\.png"):
        open_data("folder", tree)


def test_five_files_are_named_and_the_rest_counted(tree: Path) -> None:
    for number in range(12):
        (tree / f"train/cat/x{number:02}.png").write_text("no image")
    with pytest.raises(InputError, match=r"x00\.png, .*x04\.png and 7 more") as info:
        open_data("folder", tree)
    assert "x05" not in str(info.value)


@pytest.mark.parametrize("name", ["Train", "TRAINING"])
def test_a_train_folder_of_another_name_is_named(tree: Path, name: str) -> None:
    (tree / "train").rename(tree / name)
    with pytest.raises(InputError, match=f"/{name} holds class folders: rename it train"):
        open_data("folder", tree)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_without_an_image_is_named(tree: Path, split: str) -> None:
    (tree / split / "emu").mkdir()
    (tree / "train/fox").mkdir()
    with pytest.raises(InputError, match="classes without a training image: emu, fox") as info:
        open_data("folder", tree)
    assert "classes without a test image: emu, fox" in str(info.value)


def test_a_train_folder_alone_is_refused(tree: Path) -> None:
    (tree / "test").rename(tree / "other")
    with pytest.raises(InputError, match="has a folder train, but beside it none of test, val"):
        open_data("folder", tree)


@pytest.mark.parametrize(
    "name", ["@eaDir", "__MACOSX", "$RECYCLE.BIN", "lost+found", ".AppleDouble"]
)
@pytest.mark.parametrize("place", ["train", "test/cat", "train/dog/deeper"])
def test_folders_of_systems_are_no_data(tree: Path, images: Pixels, name: str, place: str) -> None:
    before = open_data("folder", tree)
    for folder in (tree / place / name, tree / place / name / "000.png"):
        folder.mkdir(parents=True)
        Image.fromarray(images[0]).save(folder / "SYNOFILE_THUMB_M.png")
    (tree / place / "Thumbs.db").write_bytes(b"\xd0\xcf")
    (tree / "train/cat/._000.png").write_bytes(b"\0\5\x16\7")
    assert open_data("folder", tree).fingerprint == before.fingerprint


def test_folders_that_are_whole_numbers_are_sorted_as_numbers(
    root: Path, images: Pixels, write_folder: Callable[..., None]
) -> None:
    numbers = ["0", "1", "2", "10", "11", "03"]
    for split in ("train", "test"):
        write_folder(root / split, images, numbers)
    assert open_data("folder", root).class_names == ("0", "1", "2", "03", "10", "11")


@pytest.mark.parametrize(
    ("train", "test"),
    [("1", "01"), ("caf\u00e9", "cafe\u0301"), ("cat", "c\u200bat"), ("cat", "cat ")],
)
def test_a_class_that_is_named_in_two_ways_is_refused(
    root: Path, images: Pixels, write_folder: Callable[..., None], train: str, test: str
) -> None:
    shared = ["0", "2"] if train == "1" else ["a", "b"]
    for split, name in (("train", train), ("test", test)):
        write_folder(root / split, images, [*shared, name] * 2)
    with pytest.raises(InputError, match=r"has class folders '.*' and '.*', one name in two ways"):
        open_data("folder", root)


def test_one_name_that_is_no_number_makes_all_of_them_text(
    root: Path, images: Pixels, write_folder: Callable[..., None]
) -> None:
    for split in ("train", "test"):
        write_folder(root / split, images, ["0", "1", "2", "10", "11", "x3"])
    assert open_data("folder", root).class_names == ("0", "1", "10", "11", "2", "x3")


def test_images_beside_the_class_folders_are_named(tree: Path, images: Pixels) -> None:
    Image.fromarray(images[0]).save(tree / "train/lost.png")
    with pytest.raises(InputError, match=r"train holds class folders and .*: lost\.png$"):
        open_data("folder", tree)


def test_a_link_that_leads_back_counts_no_image_twice(tree: Path) -> None:
    before = open_data("folder", tree)
    (tree / "train/cat/again").symlink_to(tree / "train/cat")
    assert len(open_data("folder", tree).train) == len(before.train)


@pytest.mark.parametrize(
    ("link", "target", "message"),
    [
        ("train/kitten", "cat", "train/kitten and .*train/cat are one folder"),
        ("train/dog/up", "..", "train/dog/up/cat and .*train/cat are one folder"),
        ("test", "train", "test/cat and .*train/cat are one folder"),
    ],
)
def test_a_link_to_images_of_another_class_or_split_is_refused(
    tree: Path, link: str, target: str, message: str
) -> None:
    if link == "test":
        shutil.rmtree(tree / link)
    (tree / link).symlink_to(target)
    with pytest.raises(InputError, match=message):
        open_data("folder", tree)


@pytest.mark.parametrize("below", ["", "cat"])
def test_a_link_that_leads_nowhere_is_refused_where_it_may_be_a_folder(
    tree: Path, below: str
) -> None:
    (tree / "train" / below / "notes.txt").symlink_to("gone")
    (tree / "train/cat/.hidden").symlink_to("gone")
    assert open_data("folder", tree).class_names == ("cat", "dog")
    for split in ("train", "test"):
        (tree / split / below / "emu").symlink_to("gone")
    with pytest.raises(InputError, match=rf"train/?{below} holds links that lead nowhere.*: emu$"):
        open_data("folder", tree)


def test_a_folder_that_cannot_be_read_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "train/cat/closed").mkdir()

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"Permission denied: .*closed"):
        open_data("folder", tree)


def test_a_form_that_is_incomplete_gives_way_to_one_that_is_whole(
    tree: Path, write_parquet: Callable[..., None], encode: Callable[..., bytes], images: Pixels
) -> None:
    expected = open_data("folder", tree).fingerprint
    write_parquet(tree / "train.parquet", [encode(images[0])], [0])
    assert open_data("cifar100", tree).fingerprint == expected
    (notice,) = data_notices("cifar100", tree)
    assert notice.endswith(f"-*.parquet in {tree} (incomplete or damaged)")
    (tree / "test").rename(tree / "other")
    with pytest.raises(InputError, match="holds only training Parquet files"):
        open_data("cifar100", tree)


def test_of_several_forms_it_is_said_which_is_read(
    tree: Path, write_parquet: Callable[..., None], encode: Callable[..., bytes], images: Pixels
) -> None:
    (tree / "data").mkdir()
    for split, part in (("train", images[:4]), ("test", images[4:])):
        labels = [0, 1] * (len(part) // 2)
        write_parquet(tree / f"data/{split}.parquet", [encode(image) for image in part], labels)
    open_data("cifar100", tree)
    assert data_notices("cifar100", tree) == (
        "the images are read from class folders train/CLASS/ and test/CLASS/ or val/CLASS/ in "
        f"{tree}, and not from Parquet files train-*.parquet and test-*.parquet or val-*.parquet "
        f"in {tree / 'data'}",
    )
    open_data("folder", tree)
    assert data_notices("folder", tree) == ()
