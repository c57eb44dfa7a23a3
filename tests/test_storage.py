"""Files below a results root: read, listed, and written whole or not at all."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


def crash(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_opening_a_root_makes_nothing(tmp_path: Path, storage: Storage) -> None:
    assert storage.names("study/trials") == []
    assert storage.folders() == []
    assert not storage.exists("study")
    assert not (tmp_path / "results").exists()


def test_what_is_written_is_read_listed_and_deleted(tmp_path: Path, storage: Storage) -> None:
    storage.write("study/trials/b.parquet", b"two")
    storage.write("study/trials/a.parquet", b"one")
    storage.write("study/study.json", b"{}")
    assert storage.read("study/trials/b.parquet") == b"two"
    assert (tmp_path / "results/study/trials/b.parquet").read_bytes() == b"two"
    assert storage.names("study/trials") == ["a.parquet", "b.parquet"]
    assert storage.names("study") == ["study.json"]
    assert storage.names("study/trials", ".json") == []
    assert (storage.folders(), storage.folders("study")) == (["study"], ["trials"])
    assert storage.exists("study/trials")
    storage.delete("study/trials/b.parquet")
    storage.delete("study/trials/b.parquet")
    assert storage.names("study/trials") == ["a.parquet"]
    assert not storage.exists("study/trials/b.parquet")


def test_reading_what_is_not_there_is_an_error(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("study/study.json")


def test_a_file_is_replaced_whole_by_a_shorter_one(storage: Storage) -> None:
    storage.write("file", b"a long content")
    storage.write("file", b"short")
    assert storage.read("file") == b"short"


@pytest.mark.parametrize(("owner", "function"), [(os, "fsync"), (Path, "replace")])
def test_an_interrupted_write_leaves_the_old_file_and_no_other(
    owner: object, function: str, tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write("study/file", b"old")
    monkeypatch.setattr(owner, function, crash)
    with pytest.raises(KeyboardInterrupt):
        storage.write("study/file", b"new")
    assert storage.read("study/file") == b"old"
    assert all_files(tmp_path) == ["results/study/file"]


def test_what_a_killed_process_leaves_is_not_listed(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write("study/file.json", b"old")
    monkeypatch.setattr(Path, "replace", crash)
    monkeypatch.setattr(Path, "unlink", crash)
    with pytest.raises(KeyboardInterrupt):
        storage.write("study/file.json", b"new")
    assert len(all_files(tmp_path)) == 2
    assert storage.names("study") == storage.names("study", ".json") == ["file.json"]


def test_a_file_is_on_disk_before_it_gets_its_name(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> object:
            calls.append(name)
            return function(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", noted("flush", os.fsync))
    monkeypatch.setattr(Path, "replace", noted("rename", Path.replace))
    storage.write("file", b"content")
    assert calls[:2] == ["flush", "rename"]


def test_readers_see_whole_files_while_many_write(storage: Storage) -> None:
    size = 100_000

    def write(number: int) -> None:
        for _ in range(20):
            storage.write("file", bytes([number]) * size)

    storage.write("file", bytes(size))
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(1, 5)]
        while not all(writer.done() for writer in writers):
            content = storage.read("file")
            assert len(content) == size
            assert content == content[:1] * size
            assert storage.names("") == ["file"]
        for writer in writers:
            writer.result()
    assert storage.read("file")[0] in range(1, 5)


@pytest.mark.parametrize("name", ["results", "with space", "with#mark", "per%20cent", "für-ü"])
def test_a_file_uri_is_the_same_root_as_the_path(name: str, tmp_path: Path) -> None:
    Storage(tmp_path / name).write("study/file", b"content")
    assert Storage((tmp_path / name).as_uri()).read("study/file") == b"content"
    assert (tmp_path / name / "study/file").is_file()


def test_a_relative_root_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = Storage("results")
    monkeypatch.chdir("/")
    storage.write("file", b"content")
    assert (tmp_path / "results/file").is_file()


def test_a_root_below_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Storage("~/results").write("file", b"content")
    assert (tmp_path / "results/file").is_file()


@pytest.mark.parametrize("root", ["s3://", "file", "file/below", "nowhere://bucket"])
def test_a_root_that_can_hold_nothing_is_refused(root: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    given = root if "://" in root else str(tmp_path / root)
    with pytest.raises(InputError, match=f"results root {given} ") as caught:
        Storage(given)
    assert "\n" not in str(caught.value)


def test_a_secret_in_the_root_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="holds a secret") as caught:
        Storage("s3://AKIA:hidden@bucket/results")
    assert "hidden" not in str(caught.value)


def test_another_filesystem_than_the_local_one_serves_as_well() -> None:
    storage = Storage("mock:///results")
    storage.filesystem.create_dir(storage.full_path("study/trials"), recursive=True)
    storage.write("study/trials/a.parquet", b"one")
    assert not storage.is_local
    assert storage.read("study/trials/a.parquet") == b"one"
    assert (storage.names("study/trials"), storage.folders("study")) == (["a.parquet"], ["trials"])
    storage.delete("study/trials/a.parquet")
    assert not storage.exists("study/trials/a.parquet")


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    earlier = os.umask(0o027)
    try:
        Storage(tmp_path).write("study/row.parquet", b"row")
    finally:
        os.umask(earlier)
    assert (tmp_path / "study/row.parquet").stat().st_mode & 0o777 == 0o640


def test_a_file_that_another_process_deletes_first_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(tmp_path)
    monkeypatch.setattr(Storage, "exists", lambda *_: True)
    storage.delete("gone.parquet")
