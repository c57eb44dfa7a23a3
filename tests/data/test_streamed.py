"""Streamed batches: the same whatever reads them, and errors that name the file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pckd.data import FileSet, TrainingPass, open_streamed
from pckd.data.crops import central_crop
from pckd.data.splits import Batch, TrainingBatch
from pckd.errors import RunError

PASS = TrainingPass(seed=3, epoch=2, batch_size=5, crop_padding=4, flip=True)


@pytest.fixture
def train(photographs: Path) -> FileSet:
    return open_streamed("imagenet", photographs).train


def joined(batches: Iterable[Batch | TrainingBatch]) -> Batch:
    """All images and labels of a pass."""
    images, labels = zip(*(batch[:2] for batch in batches), strict=True)
    return torch.cat(images), torch.cat(labels)


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_batches_are_crops_with_their_labels(train: FileSet) -> None:
    batches = list(train.training_batches(PASS))
    assert [len(batch.labels) for batch in batches] == [5, 5, 2]
    assert all(batch.images.shape[1:] == (3, 224, 224) for batch in batches)
    assert all(batch.images.dtype == torch.uint8 for batch in batches)
    assert torch.cat([batch.labels for batch in batches]).bincount().tolist() == [4, 4, 4]
    assert all(batch.view_numbers is None for batch in batches)


def test_strong_views_are_crops_of_their_own(train: FileSet) -> None:
    plain = list(train.training_batches(PASS))
    strong = replace(PASS, strong=True)
    both, again = (list(train.training_batches(strong)) for _ in range(2))
    for one, two, three in zip(plain, both, again, strict=True):
        assert one.strong_images is None
        assert same(one[:2], two[:2])
        assert two.strong_images is not None and three.strong_images is not None
        assert torch.equal(two.strong_images, three.strong_images)
        assert two.strong_images.shape == one.images.shape
        assert not torch.equal(two.strong_images, one.images)


@pytest.mark.parametrize("loader_workers", [1, 2])
def test_the_number_of_loader_processes_changes_nothing(
    train: FileSet, loader_workers: int
) -> None:
    many = replace(train, loader_workers=loader_workers)
    assert same(joined(many.training_batches(PASS)), joined(train.training_batches(PASS)))
    assert same(joined(many.evaluation_batches(4)), joined(train.evaluation_batches(4)))


def test_the_ranks_share_what_one_process_sees(train: FileSet) -> None:
    whole = list(train.training_batches(PASS))
    parts = [list(train.training_batches(replace(PASS, rank=r, size=2))) for r in range(2)]
    for rank in range(2):
        for batch, part in zip(whole, parts[rank], strict=True):
            assert same(part[:2], (batch[0][rank::2], batch[1][rank::2]))


def test_the_batch_size_changes_no_image(train: FileSet) -> None:
    other = replace(PASS, batch_size=12)
    assert same(joined(train.training_batches(PASS)), joined(train.training_batches(other)))


@pytest.mark.parametrize("loader_workers", [0, 1])
def test_the_global_generators_do_not_matter_and_stay_as_they_were(
    train: FileSet, loader_workers: int
) -> None:
    files = replace(train, loader_workers=loader_workers)
    torch.manual_seed(1)
    np.random.seed(1)
    first = joined(files.training_batches(PASS))
    torch.manual_seed(2)
    np.random.seed(2)
    before = torch.get_rng_state()
    assert same(joined(files.training_batches(PASS)), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("other", [replace(PASS, seed=4), replace(PASS, epoch=3)])
def test_another_seed_or_epoch_crops_all_anew(train: FileSet, other: TrainingPass) -> None:
    one_file = train.at(torch.zeros(6, dtype=torch.int64))  # so that the order makes no difference
    first, _ = joined(one_file.training_batches(PASS))
    second, _ = joined(one_file.training_batches(other))
    assert not any(torch.equal(one, two) for one in first for two in second)


def test_the_crop_of_an_image_depends_on_its_position(train: FileSet) -> None:
    images, _ = joined(train.at(torch.zeros(6, dtype=torch.int64)).training_batches(PASS))
    assert len({image.numpy().tobytes() for image in images}) == 6


def test_evaluation_gives_central_crops_in_the_order_of_the_files(photographs: Path) -> None:
    test = open_streamed("imagenet", photographs).test
    images, labels = joined(test.evaluation_batches(4))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    for image, name in zip(images, test.files.names, strict=True):
        pixels = np.array(Image.open(photographs / name))
        assert torch.equal(image, central_crop(torch.from_numpy(pixels).permute(2, 0, 1)))
    shares = [joined(test.evaluation_batches(4, rank, 2))[0] for rank in range(2)]
    assert torch.equal(torch.stack(shares, 1).flatten(0, 1), images)


def test_more_ranks_than_images_leave_some_without(photographs: Path) -> None:
    test = open_streamed("imagenet", photographs).test
    assert list(test.evaluation_batches(4, rank=6, size=7)) == []


def test_greyscale_and_palette_images_become_rgb(photographs: Path) -> None:
    file = photographs / "val/n01440764/n01440764_0.JPEG"
    Image.open(file).convert("L").save(file)
    images, _ = joined(open_streamed("imagenet", photographs).test.evaluation_batches(4))
    assert torch.equal(images[0], images[0][:1].expand(3, -1, -1))
    assert not torch.equal(images[1], images[1][:1].expand(3, -1, -1))


@pytest.mark.parametrize("loader_workers", [0, 2])
@pytest.mark.parametrize("damage", ["truncated", "text", "gone"])
def test_an_image_that_cannot_be_decoded_is_named_after_the_last_batch(
    photographs: Path, damage: str, loader_workers: int
) -> None:
    train = open_streamed("imagenet", photographs, loader_workers=loader_workers).train
    file = photographs / "train/n01443537/n01443537_2.JPEG"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:200] if damage == "truncated" else b"no image")
    passes: list[Iterator[Batch | TrainingBatch]]
    passes = [iter(train.training_batches(PASS)), iter(train.evaluation_batches(5))]
    for batches in passes:
        images, labels = joined(next(batches) for _ in range(3))
        assert len(labels) == 12
        assert sum(not image.any() for image in images) == 1
        with pytest.raises(RunError) as caught:
            next(batches)
        assert str(caught.value) == (
            f"images below {photographs} that are missing, truncated or no images: "
            "train/n01443537/n01443537_2.JPEG"
        )


def test_all_that_cannot_be_decoded_are_named_at_once(photographs: Path) -> None:
    train = open_streamed("imagenet", photographs).train
    for file in photographs.glob("train/*/*_[0-2].JPEG"):
        file.write_bytes(b"no image")
    with pytest.raises(RunError, match=r"n01440764_0\.JPEG, .* and 4 more$"):
        list(train.evaluation_batches(5))
