"""Filesystem URIs: what is waited for has a bound, and who does not answer is named."""

from pathlib import Path

import pytest
from pyarrow import fs

from pckd.data import open_data
from pckd.errors import InputError
from pckd.files.remote import open_uri
from pckd.storage import Storage


class Silent:
    """Stands for a service that cannot be reached."""

    def get_file_info(self, paths: object) -> object:
        raise RuntimeError("could not resolve the host\nand more")


@pytest.fixture(name="opened")
def _opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URIs that pyarrow is given; nothing answers."""
    uris: list[str] = []

    class Unreachable:
        @staticmethod
        def from_uri(uri: str) -> tuple[Silent, str]:
            uris.append(uri)
            return Silent(), "bucket/x"

    monkeypatch.setattr(fs, "FileSystem", Unreachable)
    return uris


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("gs://bucket/x", "storage.googleapis.com"),
        ("gcs://bucket/x?scheme=http", "storage.googleapis.com"),
        ("hf://datasets/a/b", "huggingface.co"),
    ],
)
def test_a_service_that_does_not_answer_is_named(opened: list[str], uri: str, host: str) -> None:
    refusal = rf"{host} does not answer: could not resolve the host$"
    with pytest.raises(InputError, match=refusal):
        Storage(uri)
    with pytest.raises(InputError, match=refusal):
        open_data("cifar100", uri)


def test_whatever_a_filesystem_raises_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @staticmethod
        def from_uri(uri: str) -> None:
            raise OSError("no library\n/a/path") if "hdfs" in uri else Exception("no token\nat all")

    monkeypatch.setattr(fs, "FileSystem", Broken)
    with pytest.raises(
        InputError, match=r"cannot be opened: a\.windows\.net does not answer: no token$"
    ):
        Storage("abfs://a.windows.net/x")
    with pytest.raises(InputError, match=r"cannot be opened: no library$"):
        Storage("hdfs://node:8020/x")


def test_google_s_storage_is_given_a_limit_unless_the_uri_has_one(opened: list[str]) -> None:
    uris = ["gs://b/x", "gs://b/x?scheme=http", "gs://b/x?retry_limit_seconds=60"]
    for uri in uris:
        with pytest.raises(OSError, match="does not answer"):
            open_uri(uri)
    assert opened[0] == "gs://b/x?retry_limit_seconds=4"
    assert opened[1] == "gs://b/x?scheme=http&retry_limit_seconds=4"
    assert opened[2] == uris[2]


def test_a_folder_as_a_uri_is_opened(tmp_path: Path) -> None:
    filesystem, path = open_uri(tmp_path.as_uri())
    assert isinstance(filesystem, fs.LocalFileSystem)
    assert path == str(tmp_path)
