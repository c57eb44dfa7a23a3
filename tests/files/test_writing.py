"""Files that must not be half: written whole, on the disk, under one name."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pckd.files import move_into_place, remove_leftovers, write_atomically


def crash(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def noted(calls: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: object) -> object:
        calls.append(name)
        return function(*arguments)

    return call


def test_what_is_written_replaces_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "new/folder/file"
    write_atomically(file, lambda stream: stream.write(b"a long content"))
    write_atomically(file, lambda stream: stream.write(b"short"))
    assert file.read_bytes() == b"short"
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def fail(stream: object) -> None:
        raise ValueError("no more content")

    with pytest.raises(ValueError, match="no more content"):
        write_atomically(file, fail)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("named", [False, True])
def test_a_file_that_has_no_room_is_named(tmp_path: Path, named: bool) -> None:
    def fail(stream: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", *[stream.name] * named)

    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "file", fail)
    assert caught.value.filename == str(tmp_path / "file")


def test_content_then_name_then_folder_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "fsync", noted(calls, "flush", os.fsync))
    monkeypatch.setattr(Path, "replace", noted(calls, "rename", Path.replace))
    write_atomically(tmp_path / "file", lambda stream: stream.write(b"content"))
    assert calls == ["flush", "rename", "flush"]


def test_a_folder_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unfinished").mkdir()
    calls: list[str] = []
    monkeypatch.setattr(os, "sync", noted(calls, "flush all", os.sync))
    monkeypatch.setattr(os, "fsync", noted(calls, "flush", os.fsync))
    monkeypatch.setattr(Path, "replace", noted(calls, "rename", Path.replace))
    move_into_place(tmp_path / "unfinished", tmp_path / "target")
    assert calls == ["flush all", "rename", "flush"]
    assert (tmp_path / "target").is_dir()


def test_a_folder_that_cannot_be_flushed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise OSError("not supported")

    monkeypatch.setattr(os, "open", refuse)
    write_atomically(tmp_path / "file", lambda stream: stream.write(b"content"))
    assert (tmp_path / "file").read_bytes() == b"content"


def test_what_a_killed_process_left_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "other.file"
    kept.write_bytes(b"kept")
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Path, "replace", crash)
        killed.setattr(Path, "unlink", crash)
        write_atomically(tmp_path / "file", lambda stream: stream.write(b"content"))
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path / "file")
    assert list(tmp_path.iterdir()) == [kept]
