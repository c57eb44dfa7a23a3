"""The official files of CIFAR-100 and STL-10, as torchvision reads and checks them."""

import hashlib
import pickle
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import URLError

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision.datasets import CIFAR100, STL10

from pckd.data import open_data
from pckd.errors import InputError

Pixels = NDArray[np.uint8]
CIFAR100_NAMES = ["apple", "bear", "cup"]


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.fixture
def cifar_images(random_pixels: Callable[..., Pixels]) -> Pixels:
    return random_pixels(12, 32, 32, 3)


@pytest.fixture
def cifar_root(root: Path, cifar_images: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-100's pickles with nine training and three test images, whose checksums are right."""
    folder = root / "cifar-100-python"
    folder.mkdir()
    rows = cifar_images.transpose(0, 3, 1, 2).reshape(12, 3072)
    for name, part in (("train", slice(0, 9)), ("test", slice(9, 12))):
        batch = {
            "data": rows[part],
            "fine_labels": [0, 1, 2] * (len(rows[part]) // 3),
            "coarse_labels": [7] * len(rows[part]),
        }
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": CIFAR100_NAMES}))
    monkeypatch.setattr(CIFAR100, "train_list", [["train", md5(folder / "train")]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", md5(folder / "test")]])
    monkeypatch.setitem(CIFAR100.meta, "md5", md5(folder / "meta"))
    return root


@pytest.fixture
def stl_images(random_pixels: Callable[..., Pixels]) -> Pixels:
    return random_pixels(30, 96, 96, 3)


@pytest.fixture
def stl_root(root: Path, stl_images: Pixels, monkeypatch: pytest.MonkeyPatch) -> Path:
    """STL-10's binary with 20 training and 10 test images; no unlabelled images."""
    folder = root / "stl10_binary"
    folder.mkdir()
    columns_first = stl_images.transpose(0, 3, 2, 1)
    for name, part in (("train", slice(0, 20)), ("test", slice(20, 30))):
        (folder / f"{name}_X.bin").write_bytes(columns_first[part].tobytes())
        labels = np.arange(len(columns_first[part])) % 10 + 1
        (folder / f"{name}_y.bin").write_bytes(labels.astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("\n".join(f"thing {i}" for i in range(10)))
    for table in ("train_list", "test_list"):
        files = getattr(STL10, table)
        ours = [[name, md5(folder / name)] for name, _ in files[:2]]
        monkeypatch.setattr(STL10, table, ours + files[2:])
    return root


@pytest.mark.parametrize("below", ["", "cifar-100-python"])
def test_cifar100_is_read(cifar_root: Path, cifar_images: Pixels, below: str) -> None:
    data = open_data("cifar100", cifar_root / below)
    np.testing.assert_array_equal(data.train.images.permute(0, 2, 3, 1), cifar_images[:9])
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), cifar_images[9:])
    assert data.train.labels.tolist() == [0, 1, 2] * 3
    assert data.class_names == tuple(CIFAR100_NAMES)
    assert (data.mean, data.std) == ((0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761))


def test_the_form_of_a_data_set_does_not_matter(
    cifar_root: Path,
    cifar_images: Pixels,
    tmp_path: Path,
    encode: Callable[..., bytes],
    write_parquet: Callable[..., None],
    write_folder: Callable[..., None],
) -> None:
    encoded, names = [encode(image) for image in cifar_images], {"class_names": CIFAR100_NAMES}
    write_parquet(tmp_path / "p/train.parquet", encoded[:9], [0, 1, 2] * 3, names)
    write_parquet(tmp_path / "p/test.parquet", encoded[9:], [0, 1, 2], names)
    official, parquet = open_data("cifar100", cifar_root), open_data("cifar100", tmp_path / "p")
    assert official.fingerprint == parquet.fingerprint
    by_class = cifar_images[[0, 3, 6, 1, 4, 7, 2, 5, 8]]
    write_folder(tmp_path / "f/train", by_class, [n for n in CIFAR100_NAMES for _ in range(3)])
    write_folder(tmp_path / "f/test", cifar_images[9:], CIFAR100_NAMES)
    folders = open_data("cifar100", tmp_path / "f")
    np.testing.assert_array_equal(folders.train.images.permute(0, 2, 3, 1), by_class)


def test_a_file_with_another_checksum_is_refused(cifar_root: Path) -> None:
    # Pickles can run code, so a file must be the official one before it is opened.
    (cifar_root / "cifar-100-python" / "test").write_bytes(pickle.dumps("other"))
    with pytest.raises(InputError, match=r"cifar-100-python is not the official one"):
        open_data("cifar100", cifar_root)


def test_a_missing_file_is_named(cifar_root: Path) -> None:
    (cifar_root / "cifar-100-python" / "meta").unlink()
    with pytest.raises(InputError, match=r"cifar-100-python lacks meta: unpack"):
        open_data("cifar100", cifar_root)


def test_stl10_is_read_without_the_unlabelled_images(stl_root: Path, stl_images: Pixels) -> None:
    data = open_data("stl10", stl_root)
    np.testing.assert_array_equal(data.train.images.permute(0, 2, 3, 1), stl_images[:20])
    np.testing.assert_array_equal(data.test.images.permute(0, 2, 3, 1), stl_images[20:])
    assert data.train.labels.tolist() == [*range(10), *range(10)]
    assert data.class_names[3] == "thing 3"
    assert data.std == (0.2603, 0.2566, 0.2712)


def test_stl10_can_be_opened_at_the_size_of_a_probe(stl_root: Path) -> None:
    assert open_data("stl10", stl_root, image_size=32).train.images.shape == (20, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "fixture", "dataset"),
    [("cifar100", "cifar_root", CIFAR100), ("stl10", "stl_root", STL10)],
)
def test_an_archive_in_the_root_is_checked_and_unpacked(
    name: str,
    fixture: str,
    dataset: type[CIFAR100] | type[STL10],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What a download does once the archive has arrived, by torchvision's own code.
    unpacked = request.getfixturevalue(fixture)
    target = tmp_path / "target"
    target.mkdir()
    with tarfile.open(target / dataset.filename, "w:gz") as archive:
        archive.add(unpacked / dataset.base_folder, dataset.base_folder)
    monkeypatch.setattr(dataset, "tgz_md5", md5(target / dataset.filename))
    downloaded = open_data(name, target, download=True)
    assert downloaded.fingerprint == open_data(name, unpacked).fingerprint


class Archives(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(cifar_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """CIFAR-100's archive on a server that stands in for the official one."""
    archive = tmp_path / "served" / CIFAR100.filename
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as stream:
        stream.add(cifar_root / CIFAR100.base_folder, CIFAR100.base_folder)
    handler = partial(Archives, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setattr(
            CIFAR100, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}"
        )
        monkeypatch.setattr(CIFAR100, "tgz_md5", md5(archive))
        Thread(target=server.serve_forever, daemon=True).start()
        yield archive
        server.shutdown()


def test_a_download_is_fetched_checked_and_unpacked_once(
    served: Path, cifar_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    downloaded = open_data("cifar100", target, download=True)
    assert downloaded.fingerprint == open_data("cifar100", cifar_root).fingerprint
    assert "100%" in capfd.readouterr().err
    served.unlink()
    open_data("cifar100", target, download=True)


def test_a_download_with_another_checksum_is_refused(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CIFAR100, "tgz_md5", "0" * 32)
    with pytest.raises(InputError, match=r"that lies there has another checksum$"):
        open_data("cifar100", tmp_path / "target", download=True)
    assert not (tmp_path / "target" / CIFAR100.base_folder).exists()


@pytest.mark.parametrize("name", ["cifar100", "stl10", "tiny-imagenet"])
def test_without_a_network_a_download_says_what_to_place_where(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(
        InputError, match=rf"no network.*place .* from http.* in {root} and"
    ) as info:
        open_data(name, root, download=True)
    assert "\n" not in str(info.value)
