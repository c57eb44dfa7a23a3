"""TinyImageNet's official tree, as downloaded."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pckd.data import data_notices, open_data
from pckd.data.forms import tiny_imagenet
from pckd.errors import InputError

Pixels = NDArray[np.uint8]
WNIDS = ["n02", "n03", "n01"]  # the official list is not sorted


def smooth(value: int) -> Image.Image:
    """An image that JPEG keeps exactly: one grey."""
    return Image.fromarray(np.full((64, 64, 3), value, dtype=np.uint8))


@pytest.fixture
def tree(root: Path) -> Path:
    """Two training and two validation images of each of three classes, told apart by their grey."""
    folder = root / "tiny-imagenet-200"
    (folder / "val/images").mkdir(parents=True)
    (folder / "test/images").mkdir(parents=True)
    smooth(255).save(folder / "test/images/test_0.JPEG")
    (folder / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (folder / "words.txt").write_text("".join(f"{wnid}\tthing, {wnid}\n" for wnid in WNIDS))
    lines = []
    for wnid in WNIDS:
        images = folder / "train" / wnid / "images"
        images.mkdir(parents=True)
        (images.parent / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t62\t62\n")
        for number in range(2):
            grey = 10 * int(wnid[1:]) + number
            smooth(grey).save(images / f"{wnid}_{number}.JPEG", quality=100)
            smooth(grey + 100).save(folder / f"val/images/val_{grey}.JPEG", quality=100)
            lines.append(f"val_{grey}.JPEG\t{wnid}\t0\t32\t44\t62\n")
    (folder / "val/val_annotations.txt").write_text("".join(lines[::-1]))
    return folder


@pytest.mark.parametrize("level", ["itself", "parent"])
def test_the_tree_is_read_as_downloaded(tree: Path, level: str) -> None:
    data = open_data("tiny-imagenet", tree if level == "itself" else tree.parent)
    assert data.class_names == ("n01", "n02", "n03")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.train.images[:, 0, 0, 0].tolist() == [10, 11, 20, 21, 30, 31]
    assert data.test.labels.tolist() == [0, 0, 2, 2, 1, 1]
    assert data.test.images[:, 0, 0, 0].tolist() == [111, 110, 131, 130, 121, 120]
    assert data.mean == (0.4802, 0.4481, 0.3975)


def test_greyscale_jpegs_are_read(tree: Path) -> None:
    file = tree / "train/n01/images/n01_0.JPEG"
    smooth(77).convert("L").save(file, quality=100)
    assert (open_data("tiny-imagenet", tree).train.images[0] == 77).all()


def test_a_truncated_jpeg_is_named(tree: Path) -> None:
    file = tree / "val/images/val_10.JPEG"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"no images: val/images/val_10\.JPEG"):
        open_data("tiny-imagenet", tree)


def test_a_missing_validation_image_is_named(tree: Path) -> None:
    (tree / "val/images/val_10.JPEG").unlink()
    with pytest.raises(InputError, match=r"missing.*: val/images/val_10\.JPEG"):
        open_data("tiny-imagenet", tree)


def test_a_class_that_the_list_does_not_know_is_out_of_range(tree: Path) -> None:
    annotations = tree / "val/val_annotations.txt"
    annotations.write_text(annotations.read_text().replace("n02", "n09", 1))
    with pytest.raises(InputError, match=r"test labels outside 0 to 2: val/images/val_21\.JPEG"):
        open_data("tiny-imagenet", tree)


def test_a_class_without_images_is_named(tree: Path) -> None:
    shutil.rmtree(tree / "train/n03")
    with pytest.raises(InputError, match="classes without a training image: n03"):
        open_data("tiny-imagenet", tree)


def test_a_tree_without_the_class_list_is_refused(tree: Path) -> None:
    (tree / "wnids.txt").unlink()
    with pytest.raises(InputError, match=r"lacks wnids\.txt"):
        open_data("tiny-imagenet", tree)


def test_a_broken_line_of_the_annotations_is_named(tree: Path) -> None:
    (tree / "val/val_annotations.txt").write_text("val_10.JPEG\tn01\nval_11.JPEG\n")
    with pytest.raises(InputError, match=r"line 2 of .*val_annotations\.txt is not"):
        open_data("tiny-imagenet", tree)


@pytest.mark.parametrize("file", ["wnids.txt", "val/val_annotations.txt"])
def test_lists_that_windows_wrote_are_read_or_named(tree: Path, file: str) -> None:
    text = (tree / file).read_text().replace("\n", "\r\n")
    (tree / file).write_text(text, encoding="utf-8-sig", newline="")
    assert open_data("tiny-imagenet", tree).test.labels.tolist() == [0, 0, 2, 2, 1, 1]
    (tree / file).write_text(text, encoding="utf-16", newline="")
    with pytest.raises(InputError, match=f"{file} is not text in UTF-8"):
        open_data("tiny-imagenet", tree)


def test_a_tree_sorted_into_class_folders_is_read(tree: Path) -> None:
    # Many users move the validation images into class folders; the unlabelled test folder stays.
    before = open_data("tiny-imagenet", tree)
    for line in (tree / "val/val_annotations.txt").read_text().splitlines():
        file, wnid = line.split("\t")[:2]
        (tree / "val" / wnid / "images").mkdir(parents=True, exist_ok=True)
        (tree / "val/images" / file).rename(tree / "val" / wnid / "images" / file)
    (tree / "val/images").rmdir()
    (tree / "val/val_annotations.txt").unlink()
    data = open_data("tiny-imagenet", tree)
    assert data.test.images[:, 0, 0, 0].tolist() == [110, 111, 120, 121, 130, 131]
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.class_names == before.class_names


def test_an_archive_in_the_root_is_checked_and_unpacked(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a download does once the archive has arrived, by torchvision's own code.
    archive = Path(
        shutil.make_archive(str(tmp_path / "target/tiny-imagenet-200"), "zip", tree.parent)
    )
    checksum = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(tiny_imagenet, "CHECKSUM", checksum)
    downloaded = open_data("tiny-imagenet", archive.parent, download=True)
    assert downloaded.fingerprint == open_data("tiny-imagenet", tree).fingerprint


@pytest.mark.parametrize("below", ["", "images"])
def test_validation_images_may_have_moved_to_their_classes(tree: Path, below: str) -> None:
    before = open_data("tiny-imagenet", tree)
    for line in (tree / "val/val_annotations.txt").read_text().splitlines():
        file, wnid = line.split("\t")[:2]
        (tree / "val" / wnid / below).mkdir(parents=True, exist_ok=True)
        (tree / "val/images" / file).rename(tree / "val" / wnid / below / file)
    assert open_data("tiny-imagenet", tree).fingerprint == before.fingerprint
    assert data_notices("tiny-imagenet", tree) == ()


def test_an_image_that_is_annotated_twice_is_named(tree: Path) -> None:
    with (tree / "val/val_annotations.txt").open("a") as stream:
        stream.write("val_10.JPEG\tn02\n")
    with pytest.raises(InputError, match=r"line 7 of .* names val_10\.JPEG again"):
        open_data("tiny-imagenet", tree)


def test_a_class_that_the_list_lacks_is_named(tree: Path) -> None:
    (tree / "train/n04").mkdir()
    with pytest.raises(InputError, match=r"wnids\.txt lacks classes that train has: n04"):
        open_data("tiny-imagenet", tree)
