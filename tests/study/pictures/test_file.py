"""A student's file: what it holds, and what of a damaged one is said."""

from pathlib import Path

import numpy as np
import pytest

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.pictures.file import (
    ARRAYS,
    OF_TEACHER,
    VERSION,
    read_pictures,
    shows,
    write_pictures,
)

PATH = "study/pictures/trial.npz"
VALUES = {name: np.array(1.0) for name in ARRAYS.keys() - {"version"}}


def damaged(storage: Storage, content: bytes) -> str:
    storage.write(PATH, content)
    with pytest.raises(InputError) as caught:
        read_pictures(storage, PATH)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_read_with_plain_numpy(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    values = {**VALUES, "class_names": np.array(["a", "b"]), "settings": np.array("{}")}
    write_pictures(storage, PATH, values)
    with np.load(tmp_path / PATH, allow_pickle=False) as file:
        assert file["class_names"].tolist() == ["a", "b"]
        assert int(file["version"]) == VERSION
    assert read_pictures(storage, PATH).keys() == ARRAYS.keys()


def test_the_teacher_may_be_missing_and_nothing_else(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    plain = {name: value for name, value in VALUES.items() if name not in OF_TEACHER}
    write_pictures(storage, PATH, plain)
    assert read_pictures(storage, PATH).keys() == ARRAYS.keys() - OF_TEACHER
    for wrong in (plain | {"own": np.array(1)}, {"settings": np.array("{}")}):
        with pytest.raises(ValueError, match="does not hold"):
            write_pictures(storage, PATH, wrong)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    write_pictures(storage, PATH, VALUES)
    whole = storage.read(PATH)
    for content in (b"", b"no numpy", whole[:50], whole[: len(whole) // 2]):
        assert damaged(storage, content).startswith(f"{PATH} is damaged: ")
    flipped = bytearray(whole)
    flipped[90] ^= 0xFF  # of the first array
    assert damaged(storage, bytes(flipped)).startswith(f"{PATH} is damaged: ")
    with pytest.raises(FileNotFoundError):
        read_pictures(storage, "study/pictures/other.npz")


def test_a_file_that_lacks_an_array_or_is_newer_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "lacking.npz", settings=np.array("{}"))
    storage = Storage(tmp_path)
    assert "it lacks class_names" in damaged(storage, (tmp_path / "lacking.npz").read_bytes())
    np.savez(tmp_path / "newer.npz", version=np.array(VERSION + 1))
    assert "newer than 1" in damaged(storage, (tmp_path / "newer.npz").read_bytes())
    np.savez(tmp_path / "pickled.npz", settings=np.array([{"a": 1}], dtype=object))
    assert "damaged" in damaged(storage, (tmp_path / "pickled.npz").read_bytes())


def test_a_file_shows_the_student_whose_hash_it_holds() -> None:
    made = {"student_network": np.array("a" * 64)}
    assert shows(made, "a" * 64) and not shows(made, "b" * 64)
    assert shows({}, "a" * 64) and shows(made, None) and shows(made, np.nan)
