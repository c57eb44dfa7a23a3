"""ImageNet from Parquet files: streamed as from class folders, and packed once, whole."""

import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from pyarrow import fs

from pckd.data import (
    DataSet,
    FileSet,
    TrainingPass,
    hold_out,
    limit_images,
    open_data,
    open_streamed,
    select_classes,
)
from pckd.data.encoded import RowNames
from pckd.data.place import Place
from pckd.data.splits import Batch, TrainingBatch
from pckd.errors import InputError, RunError

CLASSES = ("n01440764", "n01443537", "n01484850")
HUB = {"huggingface": {"info": {"features": {"label": {"names": CLASSES, "_type": "ClassLabel"}}}}}
PASS = TrainingPass(seed=3, epoch=2, batch_size=5, crop_padding=4, flip=True)
TRAIN = "data/train-0000{}-of-00003.parquet"
TEST = "data/validation-00000-of-00001.parquet"

Rows = Sequence[tuple[bytes | None, int]]


def rows_of(split: Path) -> list[tuple[bytes | None, int]]:
    """The files of a folder of class folders, in the order in which these are listed."""
    return [
        (file.read_bytes(), label)
        for label, name in enumerate(CLASSES)
        for file in sorted((split / name).iterdir())
    ]


def write(file: Path, rows: Rows) -> None:
    """Write a shard as the hub has them, in row groups of two images."""
    images = [{"bytes": content, "path": f"{i}.JPEG"} for i, (content, _) in enumerate(rows)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array(images, kind), "label": [label for _, label in rows]}
    table = pa.table(columns).replace_schema_metadata({k: json.dumps(v) for k, v in HUB.items()})
    file.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(table, file, row_group_size=2)


@pytest.fixture
def shards(photographs: Path) -> Path:
    """The photographs once more, in three training shards of 5, 5 and 2 images, and one other."""
    folder = photographs.parent / "hub"
    train = rows_of(photographs / "train")
    for number in range(3):
        write(folder / TRAIN.format(number), train[5 * number : 5 * number + 5])
    write(folder / TEST, rows_of(photographs / "val"))
    return folder


def rewrite(file: Path, change: Callable[[list[tuple[bytes | None, int]]], None]) -> None:
    """Change the rows of a shard."""
    table = pq.read_table(file).to_pydict()
    contents = [image["bytes"] for image in table["image"]]
    rows = list(zip(contents, table["label"], strict=True))
    change(rows)
    write(file, rows)


def joined(batches: Iterable[Batch | TrainingBatch]) -> Batch:
    images, labels = zip(*(batch[:2] for batch in batches), strict=True)
    return torch.cat(images), torch.cat(labels)


def same(one: FileSet, other: FileSet) -> bool:
    """Return whether two splits give the same batches, for training and for testing."""
    passes = [
        (joined(split.training_batches(PASS)), joined(split.evaluation_batches(4)))
        for split in (one, other)
    ]
    pairs = [pair for kinds in zip(*passes, strict=True) for pair in zip(*kinds, strict=True)]
    return all(torch.equal(first, second) for first, second in pairs)


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_streamed("imagenet", root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "part",
    [
        lambda data: data,
        lambda data: limit_images(data, 2),
        lambda data: select_classes(data, [2, 0]),
    ],
)
def test_they_give_the_batches_of_class_folders(
    photographs: Path,
    shards: Path,
    part: Callable[[DataSet[FileSet]], DataSet[FileSet]],
) -> None:
    folders, packed = (part(open_streamed("imagenet", root)) for root in (photographs, shards))
    assert packed.class_names == folders.class_names
    assert same(packed.train, folders.train)
    assert same(packed.test, folders.test)
    for one, other in zip(hold_out(packed, 0.5, 0), hold_out(folders, 0.5, 0), strict=True):
        assert same(one, other)


def test_the_number_of_loader_processes_changes_nothing(shards: Path) -> None:
    train = open_streamed("imagenet", shards).train
    assert same(train, replace(train, loader_workers=2))


def test_they_are_packed_once(
    shards: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_streamed("imagenet", shards)
    assert {file.suffix for file in cache_folder.iterdir()} == {".pt", ".images", ".lock"}
    monkeypatch.setattr("pckd.data.packed.copy_images", None)
    monkeypatch.setattr("pckd.data.forms.parquet.read_labels", None)
    again = open_streamed("imagenet", shards)
    assert again.fingerprint == first.fingerprint
    assert same(again.train, first.train)


def test_the_fingerprint_is_of_labels_and_bytes(shards: Path, tmp_path: Path) -> None:
    first = open_streamed("imagenet", shards).fingerprint
    moved = shards.rename(tmp_path / "moved")
    assert open_streamed("imagenet", moved).fingerprint == first

    def change_a_byte(rows: list[tuple[bytes | None, int]]) -> None:
        content = bytearray(rows[0][0] or b"")
        content[len(content) // 2] ^= 1
        rows[0] = (bytes(content), rows[0][1])

    def change_a_label(rows: list[tuple[bytes | None, int]]) -> None:
        rows[0] = (rows[0][0], 2)

    for change in (change_a_byte, change_a_label):
        before = open_streamed("imagenet", moved).fingerprint
        rewrite(moved / TRAIN.format(0), change)
        assert open_streamed("imagenet", moved).fingerprint != before


def test_another_filesystem_is_read_once(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = open_streamed("imagenet", shards)
    assert open_streamed("imagenet", shards.as_uri()).fingerprint == local.fingerprint
    elsewhere = Place(fs.SubTreeFileSystem(str(shards.parent), fs.LocalFileSystem()), shards.name)
    monkeypatch.setattr("pckd.data.entries.open_place", lambda root: elsewhere)
    remote = open_streamed("imagenet", "subtree://hub")
    for file in shards.glob("data/*"):
        file.write_bytes(file.read_bytes()[:0])  # nothing of them is read any more
    assert same(remote.train, local.train)
    assert remote.fingerprint == local.fingerprint


def test_labels_are_looked_at_before_anything_is_copied(shards: Path, cache_folder: Path) -> None:
    def wrong(rows: list[tuple[bytes | None, int]]) -> None:
        rows[0], rows[3] = (rows[0][0], 3), (rows[3][0], -1)

    rewrite(shards / TRAIN.format(1), wrong)
    rewrite(shards / TEST, lambda rows: rows.__setitem__(slice(None), rows[:4]))
    assert refusal(shards) == (
        f"data set 'imagenet' in {shards} cannot be used: training labels outside 0 to 2: row 0 of "
        "train-00001-of-00003.parquet, row 3 of train-00001-of-00003.parquet; classes without a "
        f"test image: {CLASSES[2]}"
    )
    assert not list(cache_folder.glob("*.images"))


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "null"])
def test_damaged_images_are_named_until_they_are_repaired(
    shards: Path, cache_folder: Path, damage: str
) -> None:
    def spoil(rows: list[tuple[bytes | None, int]]) -> None:
        whole = rows[1][0] or b""
        bad = {"cut": whole[:-100], "text": b"no image" * 100, "empty": b"", "null": None}
        rows[1] = (bad[damage], rows[1][1])

    whole = {name: (shards / name).read_bytes() for name in (TRAIN.format(2), TEST)}
    for name in whole:
        rewrite(shards / name, spoil)
    for _ in range(2):
        assert refusal(shards).endswith(
            "training images that are missing, truncated or no images: 1.JPEG (row 1 of "
            "train-00002-of-00003.parquet); test images that are missing, truncated or no images: "
            "1.JPEG (row 1 of validation-00000-of-00001.parquet)"
        )
    assert {file.suffix for file in cache_folder.iterdir()} == {".lock"}
    for name, content in whole.items():
        (shards / name).write_bytes(content)
    open_streamed("imagenet", shards)


def test_images_that_are_lost_later_are_named_after_the_last_batch(
    shards: Path, cache_folder: Path
) -> None:
    test = open_streamed("imagenet", shards).test
    (file,) = cache_folder.glob("*.images")
    content = bytearray(file.read_bytes())
    content[-10] ^= 1  # in the middle of an image, which would be decoded all the same
    file.write_bytes(content)
    batches = test.evaluation_batches(4)
    assert len(joined(next(batches) for _ in range(2))[0]) == 6
    with pytest.raises(RunError) as caught:
        next(batches)
    assert str(caught.value) == (
        f"images in {file} that are not as they were packed: delete this file, and it is made "
        "anew: row 5 of validation-00000-of-00001.parquet"
    )


@pytest.mark.parametrize("damage", ["index", "images", "gone"])
def test_what_was_packed_and_is_damaged_is_packed_anew(
    photographs: Path, shards: Path, cache_folder: Path, damage: str
) -> None:
    open_streamed("imagenet", shards)
    (file,) = cache_folder.glob("*.pt" if damage == "index" else "*.images")
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "images":
        file.write_bytes(content[:-1])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    packed, folders = (open_streamed("imagenet", root) for root in (shards, photographs))
    assert same(packed.train, folders.train)
    assert same(packed.test, folders.test)


def test_a_crash_leaves_nothing_that_is_taken_for_whole(
    shards: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(content: bytes) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pckd.data.copying.find_flaw", crash)
        with pytest.raises(KeyboardInterrupt):
            open_streamed("imagenet", shards)
    assert {file.suffix for file in cache_folder.iterdir()} == {".lock"}
    open_streamed("imagenet", shards)
    assert not list(cache_folder.glob(".*"))


def test_what_a_power_failure_left_of_a_copy_is_removed(shards: Path, cache_folder: Path) -> None:
    open_streamed("imagenet", shards)
    (copy,) = cache_folder.glob("*.images")
    copy.rename(copy.with_name(f".{copy.name}.half"))
    open_streamed("imagenet", shards)
    assert copy.exists()
    assert not list(cache_folder.glob(".*"))


def test_too_little_room_is_said_before_anything_is_copied(
    shards: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 5000})
    monkeypatch.setattr("pckd.data.copying.shutil.disk_usage", lambda folder: usage)
    said = re.escape(f"are copied once to {cache_folder}, which has 0.0 GiB left of the ")
    assert re.search(rf"{said}\d+\.\d GiB they take: set PCKD_CACHE to another", refusal(shards))


def test_a_cache_that_cannot_be_written_is_named(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "file" / "cache"))
    assert re.search(r"cannot be copied to .*file/cache .*: set PCKD_CACHE", refusal(shards))


def test_the_hubs_test_images_without_labels_are_passed_over(shards: Path) -> None:
    first = open_streamed("imagenet", shards)
    black = io.BytesIO()
    Image.new("RGB", (40, 30)).save(black, "JPEG")
    write(shards / "data/test-00000-of-00001.parquet", [(black.getvalue(), -1)])
    assert open_streamed("imagenet", shards).fingerprint == first.fingerprint


def test_decoded_into_memory_they_are_those_of_class_folders(
    photographs: Path, shards: Path
) -> None:
    folders, packed = (open_data("imagenet", root, image_size=8) for root in (photographs, shards))
    assert packed.fingerprint == folders.fingerprint


def test_rows_are_named_by_their_file() -> None:
    starts = torch.tensor([0, 3, 3, 5]).numpy()
    names = RowNames(["a", "empty", "b", "c"], starts, torch.arange(6).numpy())
    rows = ["row 0 of a", "row 1 of a", "row 2 of a", "row 0 of b", "row 1 of b", "row 0 of c"]
    assert list(names) == rows
    assert list(names.at(torch.tensor([4, 0]).numpy())) == [rows[4], rows[0]]
