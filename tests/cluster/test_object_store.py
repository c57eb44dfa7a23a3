"""Results on S3: its server denies, is silent, or loses the connection amid a write."""

from collections.abc import Callable, Iterator
from threading import Timer

import pytest

from pckd.errors import InputError
from pckd.files.remote import ATTEMPTS
from pckd.storage import Storage
from tests.cluster.object_store import BUCKET, Line, s3_server

pytestmark = pytest.mark.cluster
LARGE = 12_000_000
"""Bytes of a file that S3 takes in parts."""


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with s3_server(tmp_path_factory.mktemp("s3")) as line:
        yield line


@pytest.fixture(name="line")
def _line(server: Line) -> Iterator[Line]:
    """An open line, whatever a test did to it."""
    server.refused = 0
    yield server
    server.mode = "open"


@pytest.fixture(name="storage")
def _storage(line: Line, request: pytest.FixtureRequest) -> Storage:
    return Storage(line.uri(f"{abs(hash(request.node.name))}"))


@pytest.mark.parametrize("size", [3, LARGE])
def test_what_is_written_is_read_listed_moved_and_deleted(size: int, storage: Storage) -> None:
    content = bytes([7]) * size
    assert storage.names("study/trials") == []
    assert storage.folders() == []
    storage.write("study/trials/a.parquet", content)
    assert storage.read("study/trials/a.parquet") == content
    assert storage.names("study/trials", ".parquet") == ["a.parquet"]
    assert storage.folders() == ["study"]
    storage.move("study", "aside")
    assert storage.folders() == ["aside"]
    assert storage.read("aside/trials/a.parquet") == content
    storage.delete("aside/trials/a.parquet")
    storage.delete("aside/trials/a.parquet")
    assert not storage.exists("aside/trials/a.parquet")
    with pytest.raises(FileNotFoundError):
        storage.read("aside/trials/a.parquet")


def test_a_bucket_that_is_not_there_is_said_at_once(line: Line) -> None:
    root = line.uri("results").replace(BUCKET, "nowhere")
    with pytest.raises(InputError, match=r"cannot be opened: there is no bucket nowhere$"):
        Storage(root)


def test_a_bucket_that_denies_is_not_asked_again(line: Line, storage: Storage) -> None:
    storage.write("file", b"old")
    line.mode = "denied"
    with pytest.raises(InputError, match=r"cannot be opened: [^\n]*ACCESS_DENIED[^\n]*$"):
        Storage(storage.root)
    operations = _operations(storage)
    for operation in operations:
        with pytest.raises(OSError, match=r"^[^\n]*ACCESS_DENIED[^\n]*$"):
            operation()
    assert line.refused == 1 + len(operations)
    line.mode = "open"
    assert storage.read("file") == b"old"


def test_a_silent_server_is_given_up_after_a_few_attempts(line: Line, storage: Storage) -> None:
    line.mode = "silent"
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        storage.exists("file")
    assert 1 < line.refused <= ATTEMPTS


def test_a_server_that_comes_back_is_waited_for(line: Line, storage: Storage) -> None:
    storage.write("file", b"old")
    line.mode, line.passes = "cut", 0
    Timer(2, lambda: setattr(line, "mode", "open")).start()
    assert storage.read("file") == b"old"


@pytest.mark.parametrize("passes", [0, 5_000_000, 11_000_000])
def test_a_write_that_is_cut_leaves_the_old_file(passes: int, line: Line, storage: Storage) -> None:
    storage.write("study/file", b"old")
    line.mode, line.passes = "cut", passes
    with pytest.raises(OSError, match=r"^[^\n]*NETWORK_CONNECTION[^\n]*$"):
        storage.write("study/file", b"x" * LARGE)
    line.mode = "open"
    assert storage.read("study/file") == b"old"
    assert storage.names("study") == ["file"]


def _operations(storage: Storage) -> list[Callable[[], object]]:
    return [
        lambda: storage.read("file"),
        lambda: storage.write("file", b"new"),
        lambda: storage.names("folder"),
        lambda: storage.delete_folder("folder"),
    ]
