"""Streamed sets as they are opened: what is listed, kept, found wrong and selected."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from pckd.data import (
    hold_out,
    is_streamed,
    limit_images,
    list_data,
    open_data,
    open_streamed,
    select_classes,
)
from pckd.errors import InputError

CLASSES = ("n01440764", "n01443537", "n01484850")


def refusal(root: Path | None, *, download: bool = False) -> str:
    """Message of a refused opening: one sentence in one line."""
    with pytest.raises(InputError) as caught:
        open_streamed("imagenet", root, download=download)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_are_listed_by_class_and_name(photographs: Path) -> None:
    data = open_streamed("imagenet", photographs)
    assert data.class_names == CLASSES
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.train.files.names[5] == "train/n01443537/n01443537_1.JPEG"
    assert data.train.image_size == (224, 224)
    assert data.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize("below", ["data", "imagenet"])
def test_the_tree_may_lie_one_folder_below_the_root(photographs: Path, below: str) -> None:
    target = photographs.parent / "parent" / below
    target.parent.mkdir()
    photographs.rename(target)
    assert open_streamed("imagenet", target.parent).train.files.where == f"below {target}"


def test_a_link_to_images_of_another_split_is_refused(photographs: Path) -> None:
    shutil.rmtree(photographs / "val" / CLASSES[1])
    (photographs / "val" / CLASSES[1]).symlink_to(photographs / "train" / CLASSES[1])
    assert f"val/{CLASSES[1]} and {photographs}/train/{CLASSES[1]} are one folder" in refusal(
        photographs
    )


def test_what_was_listed_is_not_listed_again(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_streamed("imagenet", photographs)
    monkeypatch.setattr("pckd.data.listing.Once.walk", None)
    again = open_streamed("imagenet", str(photographs))
    assert again.fingerprint == first.fingerprint
    assert list(again.train.files.names) == list(first.train.files.names)
    assert torch.equal(again.train.labels, first.train.labels)


@pytest.mark.parametrize("change", ["new", "gone", "renamed", "deeper", "test", "class"])
def test_a_changed_tree_is_listed_again(photographs: Path, change: str) -> None:
    before = open_streamed("imagenet", photographs)
    file = photographs / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    if change == "gone":
        file.unlink()
    else:
        target = {
            "new": file.with_name("another.JPEG"),
            "renamed": file.with_name("renamed.JPEG"),
            "deeper": file.parent / "deeper" / "deepest" / "another.JPEG",
            "test": photographs / "val" / CLASSES[2] / "another.JPEG",
            "class": photographs / "train" / "n01491361" / "another.JPEG",
        }[change]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        if change == "renamed":
            file.unlink()
    if change == "class":
        assert "classes without a test image: n01491361" in refusal(photographs)
    else:
        assert open_streamed("imagenet", photographs).fingerprint != before.fingerprint


def test_a_file_in_a_deeper_folder_is_noticed(photographs: Path) -> None:
    deeper = photographs / "train" / CLASSES[0] / "a" / "b"
    deeper.mkdir(parents=True)
    before = open_streamed("imagenet", photographs)
    Image.new("RGB", (40, 30)).save(deeper / "new.png")
    after = open_streamed("imagenet", photographs)
    assert len(after.train) == len(before.train) + 1
    assert f"train/{CLASSES[0]}/a/b/new.png" in after.train.files.names


@pytest.mark.parametrize("larger", [False, True])
def test_a_file_that_is_overwritten_in_its_place_is_noticed(
    photographs: Path, cache_folder: Path, larger: bool
) -> None:
    open_streamed("imagenet", photographs)
    file = photographs / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    content = file.read_bytes()
    file.write_bytes(content + b" " * 8 if larger else b"no image".ljust(len(content)))
    if larger:
        seen = open_streamed("imagenet", photographs).fingerprint
        shutil.rmtree(cache_folder)
        assert seen == open_streamed("imagenet", photographs).fingerprint
    else:
        assert f"no images: train/{CLASSES[0]}" in refusal(photographs)


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9])
def test_a_damaged_list_is_made_anew(photographs: Path, cache_folder: Path, place: float) -> None:
    first = open_streamed("imagenet", photographs)
    (entry,) = cache_folder.glob("listing-*.pt")
    whole = bytearray(entry.read_bytes())
    whole[int(place * len(whole))] ^= 1
    entry.write_bytes(whole)
    again = open_streamed("imagenet", photographs)
    assert list(again.train.files.names) == list(first.train.files.names)
    assert again.fingerprint == first.fingerprint


def test_the_fingerprint_is_of_names_labels_and_sizes(photographs: Path, tmp_path: Path) -> None:
    first = open_streamed("imagenet", photographs).fingerprint
    moved = photographs.rename(tmp_path / "moved")
    assert open_streamed("imagenet", moved).fingerprint == first
    grown = moved / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    grown.write_bytes(grown.read_bytes() + b" ")
    elsewhere = moved.rename(tmp_path / "elsewhere")
    assert open_streamed("imagenet", elsewhere).fingerprint != first


def test_all_that_is_wrong_is_said_at_once(photographs: Path) -> None:
    for file in (photographs / "val" / CLASSES[1]).iterdir():
        file.unlink()
    (photographs / "train" / "n02").mkdir()
    (photographs / "train" / CLASSES[0] / "empty.JPEG").touch()
    (photographs / "train" / CLASSES[0] / "link.JPEG").symlink_to("nowhere")
    assert refusal(photographs) == (
        f"data set 'imagenet' in {photographs} cannot be used: classes without a training image: "
        "n02; training images that are missing, truncated or no images: "
        f"train/{CLASSES[0]}/empty.JPEG, train/{CLASSES[0]}/link.JPEG; classes without a "
        f"test image: {CLASSES[1]}, n02"
    )


def test_an_empty_split_is_said(photographs: Path) -> None:
    for file in photographs.glob("train/*/*"):
        file.unlink()
    assert "there are no training images" in refusal(photographs)


def test_a_tree_that_is_not_there(photographs: Path, tmp_path: Path) -> None:
    assert refusal(None).startswith("data set 'imagenet' needs a folder: set data.root to the one")
    assert refusal(tmp_path / "none").startswith("data set 'imagenet' has no folder")
    (photographs / "val").rename(photographs / "ILSVRC2012_img_val")
    assert re.search("beside it none of test, val, .* the same class folders", refusal(photographs))


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_file_is_named_until_it_is_repaired(
    photographs: Path, split: str, damage: str
) -> None:
    file = photographs / split / CLASSES[1] / f"{CLASSES[1]}_1.JPEG"
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[:-100], "text": b"no image" * 100, "empty": b""}[damage])
    problem = f"missing, truncated or no images: {split}/{CLASSES[1]}/{CLASSES[1]}_1.JPEG"
    for _ in range(2):
        assert refusal(photographs).endswith(problem)
    file.write_bytes(whole)
    open_streamed("imagenet", photographs)


def test_parts_are_selected(photographs: Path) -> None:
    data = limit_images(select_classes(open_streamed("imagenet", photographs), [2, 0]), 3)
    names = [f"train/{name}/{name}_{image}.JPEG" for name in CLASSES for image in range(4)]
    assert list(data.train.files.names) == names[0:3] + names[8:11]
    assert data.train.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert data.test.labels.tolist() == [1, 1, 0, 0]
    kept, held = hold_out(data, 0.34, seed=0)
    assert sorted([*kept.files.names, *held.files.names]) == sorted(data.train.files.names)
    assert held.labels.tolist() == [1, 0]


def test_decoded_into_memory_it_needs_a_size(photographs: Path) -> None:
    with pytest.raises(InputError, match="too large to decode at its own size"):
        open_data("imagenet", photographs)
    data = open_data("imagenet", photographs, image_size=8)
    assert data.train.images.shape == (12, 3, 8, 8)


def test_imagenet_alone_is_streamed() -> None:
    assert [name for name in list_data() if is_streamed(name)] == ["imagenet"]
