"""ImageNet's official archives: unpacked when asked, wholly or not at all."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from numpy.typing import NDArray
from torchvision.datasets import imagenet

from pckd.data import open_data, open_streamed
from pckd.data.forms.imagenet import unpack
from pckd.errors import InputError

CLASSES = ("n01440764", "n01443537", "n01484850")
ARCHIVES = ("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")


def write_tar(file: Path, members: dict[str, bytes]) -> bytes:
    with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.read_bytes()


def devkit(folder: Path, order: tuple[str, ...], val_numbers: list[int]) -> dict[str, bytes]:
    """The two files that torchvision reads: classes by number, and numbers of the val images."""
    kind = [(n, "O") for n in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")]
    rows = [(number, name, f"word {name}", "", 0) for number, name in enumerate(order, 1)]
    rows.append((len(order) + 1, "n00000000", "a parent", "", 3))
    meta = folder / "meta.mat"
    scipy.io.savemat(str(meta), {"synsets": np.array(rows, dtype=kind)[:, None]})
    truth = "".join(f"{number}\n" for number in val_numbers).encode()
    below = "ILSVRC2012_devkit_t12/data"
    return {
        f"{below}/meta.mat": meta.read_bytes(),
        f"{below}/ILSVRC2012_validation_ground_truth.txt": truth,
    }


@pytest.fixture
def archives(
    root: Path,
    tmp_path: Path,
    random_pixels: Callable[..., NDArray[np.uint8]],
    encode: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The three archives with two training images and one validation image of each class.

    The validation images are of the classes 2, 0, 1; the devkit numbers the classes backwards.
    """
    images = [encode(pixels, "JPEG") for pixels in random_pixels(9, 40, 50, 3)]
    write_tar(root / ARCHIVES[0], devkit(tmp_path, CLASSES[::-1], [1, 3, 2]))
    classes = {}
    for number, name in enumerate(CLASSES):
        inner = {f"{name}_{i}.JPEG": images[2 * number + i] for i in range(2)}
        classes[f"{name}.tar"] = write_tar(root / "inner.tar", inner)
    (root / "inner.tar").unlink()
    write_tar(root / ARCHIVES[1], classes)
    val = {f"ILSVRC2012_val_0000000{i}.JPEG": images[5 + i] for i in (1, 2, 3)}
    write_tar(root / ARCHIVES[2], val)
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in root.iterdir()}
    names = zip(("devkit", "train", "val"), ARCHIVES, strict=True)
    meta = {key: (name, sums[name]) for key, name in names}
    monkeypatch.setattr(imagenet, "ARCHIVE_META", meta)
    return root


def refusal(root: Path, *, download: bool) -> str:
    with pytest.raises(InputError) as caught:
        open_streamed("imagenet", root, download=download)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_they_are_unpacked_once_into_class_folders(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_streamed("imagenet", archives, download=True)
    assert data.class_names == CLASSES
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    val = [f"val/{CLASSES[c]}/ILSVRC2012_val_0000000{i}.JPEG" for c, i in ((0, 2), (1, 3), (2, 1))]
    assert list(data.test.files.names) == val
    assert sorted(path.name for path in archives.glob("*") if path.suffix != ".lock") == sorted(
        [*ARCHIVES, "imagenet"]
    )
    monkeypatch.setattr("pckd.data.forms.imagenet._parse", None)
    for download in (True, False):
        again = open_streamed("imagenet", archives, download=download)
        assert again.fingerprint == data.fingerprint
    unpack(archives)  # as one does that has waited for another to unpack
    official = imagenet.ImageNet(archives / "imagenet", "val")
    assert [label for _, label in official.samples] == [0, 1, 2]


def test_they_are_not_unpacked_unasked(archives: Path) -> None:
    said = refusal(archives, download=False)
    assert said.endswith(
        f"; data.download=true unpacks the official {', '.join(ARCHIVES)} that lie there"
    )
    assert len(list(archives.iterdir())) == 3


def test_a_missing_archive_is_named_with_its_address(archives: Path) -> None:
    (archives / ARCHIVES[0]).unlink()
    said = refusal(archives, download=True)
    assert f"place {ARCHIVES[0]} from https://image-net.org/" in said
    assert said.endswith(f" in {archives}, to be unpacked there")


def test_another_archive_than_the_official_one_is_refused(archives: Path) -> None:
    (archives / ARCHIVES[1]).write_bytes((archives / ARCHIVES[1]).read_bytes()[:-1])
    said = refusal(archives, download=True)
    assert said.startswith(f"{archives / ARCHIVES[1]} is not the official archive")
    assert not list(archives.glob("imagenet*[!k]"))


@pytest.mark.parametrize("left", [False, True])
def test_what_a_crash_leaves_is_not_taken_for_whole(
    archives: Path, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    def crash(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(imagenet, "parse_val_archive", crash)
        if left:  # as a power failure leaves it, which cleans nothing up
            patch.setattr("pckd.data.forms.imagenet.shutil.rmtree", lambda *a, **k: None)
        with pytest.raises(KeyboardInterrupt):
            open_streamed("imagenet", archives, download=True)
    assert (archives / "imagenet.partial").exists() == left
    assert "is not in" in refusal(archives, download=False)
    assert len(open_streamed("imagenet", archives, download=True).train) == 6
    assert not (archives / "imagenet.partial").exists()


def test_too_little_room_is_said_before_anything_is_unpacked(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = lambda folder: type("Usage", (), {"free": 5000})  # noqa: E731
    monkeypatch.setattr("pckd.data.forms.imagenet.shutil.disk_usage", usage)
    assert "has 0.0 GiB left" in refusal(archives, download=True)
    assert not (archives / "imagenet").exists()


def test_the_archives_can_be_decoded_into_memory_too(archives: Path) -> None:
    data = open_data("imagenet", archives, download=True, image_size=8)
    assert (data.train.images.shape, data.test.labels.tolist()) == (
        torch.Size([6, 3, 8, 8]),
        [0, 1, 2],
    )
