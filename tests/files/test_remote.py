"""Filesystem URIs: what is waited for has a bound, and who does not answer is named."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import fs

from pckd.data import open_data
from pckd.errors import InputError
from pckd.files import remote
from pckd.files.hub import always_fresh
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
        ("abfs://container@account/x", "container@account"),
    ],
)
def test_a_service_that_does_not_answer_is_named(opened: list[str], uri: str, host: str) -> None:
    refusal = rf"{host} does not answer: could not resolve the host$"
    with pytest.raises(InputError, match=refusal):
        Storage(uri)
    with pytest.raises(InputError, match=refusal):
        open_data("cifar100", uri)


def test_a_hub_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pckd.files.hub.open_hub", Silent().get_file_info)
    refusal = r"huggingface\.co does not answer: could not resolve the host$"
    with pytest.raises(InputError, match=refusal):
        open_data("cifar100", "hf://datasets/a/b")


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


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield int(server.getsockname()[1])


@pytest.mark.parametrize(
    "uri", ["s3://bucket/x?scheme=http", "gs://anonymous@bucket/x?scheme=http"]
)
def test_a_host_that_says_nothing_is_named(
    uri: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SECONDS", 0.5)
    refusal = rf"^127\.0\.0\.1:{port} does not answer within 0\.5 seconds$"
    with pytest.raises(OSError, match=refusal):
        open_uri(f"{uri}&endpoint_override=127.0.0.1:{port}")


def test_an_answer_is_awaited_for_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = []

    class Unanswered(Future[Any]):
        def result(self, timeout: float | None = None) -> None:
            bounds.append(timeout)
            raise TimeoutError

    monkeypatch.setattr(remote, "Future", Unanswered)
    monkeypatch.setattr(remote, "_answering", lambda uri: None)
    with pytest.raises(OSError, match=rf"within {remote.SECONDS:g} seconds$"):
        open_uri("s3://bucket/x")
    assert bounds == [remote.SECONDS]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "When looking: AWS Error NETWORK_CONNECTION during HeadBucket operation: curlCode: "
            "7, Could not connect to server; Details: Failed",
            "s3.amazonaws.com does not answer: curlCode: 7, Could not connect to server",
        ),
        (
            "google::cloud::Status(UNAVAILABLE: No more retries, with a last message of CURL "
            "error [6]=Could not resolve hostname error_info={reason=, domain=",
            "s3.amazonaws.com does not answer: CURL error [6]=Could not resolve hostname",
        ),
        ("AWS Error ACCESS_DENIED: no", "s3://b/x cannot be opened: AWS Error ACCESS_DENIED: no"),
    ],
)
def test_no_answer_and_a_refusal_have_words_of_their_own(
    message: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(uri: str) -> None:
        raise OSError(message)

    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(remote, "_answering", fails)
    with pytest.raises(InputError) as error:
        Storage("s3://b/x")
    assert str(error.value).endswith(words)


def test_the_host_is_the_one_that_a_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    assert remote.host_of("hf://datasets/a/b") == "hub.example.org"
    assert remote.host_of("s3://b/x?endpoint_override=minio:9000") == "minio:9000"


def test_the_hub_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs huggingface_hub: pip install 'pckd\[hf\]'$"):
        Storage("hf://datasets/a/b")


class Remembering(MemoryFileSystem):  # type: ignore[misc]
    """Files in memory, with listings that are kept until they are invalidated, as the hub's are."""

    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs: list[str] = [""]  # noqa: RUF012
    listings: dict[str, Any] = {}  # noqa: RUF012

    def ls(self, path: str, detail: bool = True, **kwargs: object) -> Any:  # noqa: ANN401
        if path not in self.listings:
            self.listings[path] = super().ls(path, detail=True, **kwargs)
        found = self.listings[path]
        return found if detail else [entry["name"] for entry in found]

    def invalidate_cache(self, path: str | None = None) -> None:
        self.listings.clear()


def test_files_on_the_hub_that_another_process_wrote_are_listed(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    files = Remembering()
    storage.filesystem = always_fresh(fs.PyFileSystem(fs.FSSpecHandler(files)))
    storage.base = "/datasets/a/b"
    storage.write("study/one", b"1")
    assert storage.names("study") == ["one"]
    files.store["/datasets/a/b/study/two"] = files.store["/datasets/a/b/study/one"]
    assert storage.names("study") == ["one", "two"]
    assert storage.read("study/two") == b"1"
    storage.delete("study/one")
    assert storage.names("study") == ["two"]
    storage.move("study", "new")
    assert (storage.names("study"), storage.names("new")) == ([], ["two"])
