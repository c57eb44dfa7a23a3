"""The cache: what hits it, what does not, and what damage does."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pckd.data import ImageSet, open_data
from pckd.data.cache import load_or_build
from pckd.data.images import Content, content_fingerprint
from pckd.errors import InputError

Pixels = NDArray[np.uint8]


class Builder:
    """Builds one content and counts how often."""

    def __init__(self, delay: float = 0.0) -> None:
        self.calls = 0
        self.delay = delay

    def __call__(self) -> Content:
        self.calls += 1
        time.sleep(self.delay)
        pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 8, 8), dtype=np.uint8)
        split = ImageSet(torch.from_numpy(pixels), torch.arange(10) % 2)
        return Content(split, split, ("cat", "dog"))


FINGERPRINT = content_fingerprint(Builder()())


@pytest.fixture
def tree(
    root: Path, random_pixels: Callable[..., Pixels], write_folder: Callable[..., None]
) -> Path:
    write_folder(root / "train", random_pixels(4, 8, 8, 3), ["cat", "cat", "dog", "dog"])
    write_folder(root / "test", random_pixels(2, 8, 8, 3, seed=1), ["cat", "dog"])
    return root


def entry_in(folder: Path) -> Path:
    """The only entry of the cache; nothing half-written may lie beside it."""
    (entry,) = (file for file in folder.iterdir() if file.suffix != ".lock")
    return entry


def test_what_is_stored_is_not_built_again(cache_folder: Path) -> None:
    builder = Builder()
    built, _ = load_or_build("made", "key", builder)
    loaded, fingerprint = load_or_build("made", "key", builder)
    assert builder.calls == 1
    assert fingerprint == FINGERPRINT
    assert torch.equal(loaded.train.images, built.train.images)
    assert torch.equal(loaded.test.labels, built.test.labels)
    assert loaded.class_names == ("cat", "dog")
    assert entry_in(cache_folder).name.startswith("made-")


def test_another_name_or_key_is_built() -> None:
    builder = Builder()
    for name, key in (("made", "a"), ("made", "b"), ("other", "a"), ("made", ["a"])):
        load_or_build(name, key, builder)
    assert builder.calls == 4


def test_changing_what_was_loaded_leaves_the_cache_as_it_was() -> None:
    load_or_build("made", "key", Builder())
    loaded, _ = load_or_build("made", "key", Builder())
    loaded.train.images.zero_()
    again, fingerprint = load_or_build("made", "key", Builder())
    assert fingerprint == FINGERPRINT
    assert again.train.images.any()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_entry_is_built_anew(cache_folder: Path, kept: float) -> None:
    builder = Builder()
    load_or_build("made", "key", builder)
    entry = entry_in(cache_folder)
    whole = entry.read_bytes()
    entry.write_bytes(whole[: int(len(whole) * kept)])
    _, fingerprint = load_or_build("made", "key", builder)
    load_or_build("made", "key", builder)
    assert builder.calls == 2
    assert fingerprint == FINGERPRINT


def test_a_changed_pixel_is_noticed(cache_folder: Path) -> None:
    builder = Builder()
    built, _ = load_or_build("made", "key", builder)
    entry = entry_in(cache_folder)
    whole = bytearray(entry.read_bytes())
    whole[whole.index(built.train.images.numpy().tobytes()) + 700] ^= 1
    entry.write_bytes(whole)
    again, _ = load_or_build("made", "key", builder)
    assert builder.calls == 2
    assert torch.equal(again.train.images, built.train.images)


@pytest.fixture(scope="module")
def damage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_gets_through(damage_folder: Path, place: float, bit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(damage_folder))
        load_or_build("made", "key", Builder())
        entry = entry_in(damage_folder)
        whole = bytearray(entry.read_bytes())
        whole[int(place * len(whole))] ^= 1 << bit
        entry.write_bytes(whole)
        content, fingerprint = load_or_build("made", "key", Builder())
    assert fingerprint == content_fingerprint(content) == FINGERPRINT


def test_only_one_of_several_at_the_same_moment_builds() -> None:
    builder = Builder(delay=0.2)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: load_or_build("made", "key", builder), range(4)))
    assert builder.calls == 1
    assert {fingerprint for _, fingerprint in results} == {FINGERPRINT}


def test_a_failure_stores_nothing(cache_folder: Path) -> None:
    def fail() -> Content:
        raise InputError("wrong")

    for _ in range(2):
        with pytest.raises(InputError, match="wrong"):
            load_or_build("made", "key", fail)
    assert [file.suffix for file in cache_folder.iterdir()] == [".lock"]


def test_without_a_cache_to_write_the_data_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="set PCKD_CACHE to a folder that can"):
        _, fingerprint = load_or_build("made", "key", Builder())
    assert fingerprint == FINGERPRINT


def test_an_opened_set_is_decoded_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_data("folder", tree)
    monkeypatch.setattr("pckd.data.building.decode_images", None)
    again = open_data("folder", str(tree))
    assert again.fingerprint == first.fingerprint
    assert (again.mean, again.std) == (first.mean, first.std)


@pytest.mark.parametrize("change", ["pixels", "time", "new", "gone", "moved"])
def test_a_changed_source_is_read_again(
    tree: Path, change: str, encode: Callable[..., bytes], random_pixels: Callable[..., Pixels]
) -> None:
    before = open_data("folder", tree).fingerprint
    file, other = tree / "train/cat/000.png", encode(random_pixels(8, 8, 3, seed=9))
    stamp = file.stat()
    if change == "pixels":
        file.write_bytes(other)
    elif change == "time":  # the same number of bytes, later
        file.write_bytes((tree / "train/dog/002.png").read_bytes())
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    elif change == "new":
        (tree / "train/cat/009.png").write_bytes(other)
    elif change == "gone":
        file.unlink()
    else:
        file.rename(tree / "train/dog/000.png")
    assert open_data("folder", tree).fingerprint != before


def test_another_process_that_decodes_by_itself_agrees(tree: Path, tmp_path: Path) -> None:
    program = "import sys; from pckd.data import open_data; print(open_data('folder', sys.argv[1])"
    child = subprocess.run(
        [sys.executable, "-c", f"{program}.fingerprint)", str(tree)],
        env=os.environ | {"PCKD_CACHE": str(tmp_path / "other cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert entry_in(tmp_path / "other cache").exists()
    assert child.stdout.strip() == open_data("folder", tree).fingerprint
