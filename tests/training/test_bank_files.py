"""Banks on disk: shared, bounded, and never taken for another's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from pckd.training import bank_files
from pckd.training.bank import FeatureBank
from pckd.training.bank_files import _take_blocks, default_bank_bytes, open_bank

ROWS, COPIES, WIDTH = 6, 2, 8
SIZE = 2 * 4096 + ROWS * COPIES * WIDTH * 2
"""Bytes of a whole bank: key, marks, rows."""


@pytest.fixture(name="cache")
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path))
    return tmp_path / "banks"


def opened(teacher: str = "a", max_bytes: int = 10 * SIZE) -> FeatureBank:
    return open_bank(
        {"teacher": teacher}, rows=ROWS, copies=COPIES, width=WIDTH, max_bytes=max_bytes
    )


def filled(bank: FeatureBank, numbers: list[int]) -> None:
    rows = torch.tensor(numbers, dtype=torch.float16).view(-1, 1, 1).expand(-1, COPIES, WIDTH)
    bank.write(torch.tensor(numbers), rows)


def known(bank: FeatureBank) -> list[int]:
    features, marks = bank.read(torch.arange(ROWS))
    numbers: list[int] = marks.nonzero().flatten().tolist()
    assert all((features[number] == number).all() for number in numbers)
    return numbers


@pytest.mark.usefixtures("cache")
def test_two_that_open_a_bank_share_its_rows() -> None:
    one, other = opened(), opened()
    filled(one, [1, 4])
    filled(other, [5])
    assert known(one) == known(other) == [1, 4, 5]


def test_it_outlives_its_process(cache: Path) -> None:
    bank = opened()
    filled(bank, [0, 3])
    del bank
    assert known(opened()) == [0, 3]
    assert [path.stat().st_size for path in cache.glob("*.bank")] == [SIZE]


@pytest.mark.usefixtures("cache")
def test_a_long_key_keeps_its_bank() -> None:
    filled(opened("a" * 5000), [0, 3])
    assert known(opened("a" * 5000)) == [0, 3]


@pytest.mark.usefixtures("cache")
def test_another_key_has_another_bank() -> None:
    first = opened("a")
    filled(first, [0, 3])
    assert known(opened("b")) == []


def test_a_bank_of_another_teacher_put_in_its_place_is_emptied(cache: Path) -> None:
    first = opened("a")
    filled(first, [2])
    (path_a,) = cache.glob("*.bank")
    opened("b")
    (path_b,) = set(cache.glob("*.bank")) - {path_a}
    path_b.write_bytes(path_a.read_bytes())
    again = opened("b")
    assert known(again) == []
    filled(again, [1])
    assert known(opened("b")) == [1]
    assert known(first) == [2]


@pytest.mark.parametrize("content", [b"", b"no bank at all", bytes(SIZE)])
def test_a_damaged_bank_is_emptied(cache: Path, content: bytes) -> None:
    filled(opened(), [2])
    (path,) = cache.glob("*.bank")
    path.write_bytes(content)
    bank = opened()
    assert known(bank) == []
    filled(bank, [3])
    assert known(opened()) == [3]


def test_rows_before_the_last_start_of_the_machine_do_not_count(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(opened(), [2])
    monkeypatch.setattr(bank_files, "_boot", lambda: "another start")
    assert known(opened()) == []
    assert len(list(cache.glob("*.bank"))) == 2


def test_within_its_bound_it_keeps_the_first_rows(cache: Path) -> None:
    bank = opened(max_bytes=SIZE - 2 * COPIES * WIDTH * 3)
    filled(bank, list(range(ROWS)))
    assert known(bank) == [0, 1, 2]
    (path,) = cache.glob("*.bank")
    assert path.stat().st_size == SIZE - 2 * COPIES * WIDTH * 3
    larger = opened()
    assert known(larger) == [0, 1, 2]
    filled(larger, [5])
    assert known(larger) == [0, 1, 2, 5]


def test_the_oldest_bank_that_nobody_has_open_makes_room(cache: Path) -> None:
    held = opened("held")
    for age, teacher in enumerate(["newer", "older"]):
        filled(opened(teacher), [1])
        newest = max(cache.glob("*.bank"), key=lambda path: path.stat().st_mtime_ns)
        long_ago = time.time() - 100 * (age + 1)
        os.utime(newest, (long_ago, long_ago))
    fourth = opened("fourth", max_bytes=3 * SIZE)
    assert len(list(cache.glob("*.bank"))) == 3
    assert known(opened("newer")) == [1]
    filled(held, [2])
    filled(fourth, [3])
    assert (known(opened("held")), known(fourth)) == ([2], [3])


@pytest.mark.usefixtures("cache")
def test_without_room_beside_open_banks_little_is_kept() -> None:
    held = opened("held")
    crowded = opened("crowded", max_bytes=SIZE)
    filled(crowded, list(range(ROWS)))
    assert known(crowded) == [0]
    filled(held, [1])
    assert known(held) == [1]


def test_the_blocks_are_taken_when_it_is_made(cache: Path) -> None:
    opened()
    (path,) = cache.glob("*.bank")
    assert path.stat().st_blocks * 512 >= SIZE


def test_a_full_disk_is_said_and_costs_speed_only(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.warns(UserWarning, match=r"computed anew each time.*No space left.*PCKD_CACHE"):
        bank = opened()
    assert known(bank) == []


def test_a_writer_killed_between_row_and_mark_has_written_nothing(cache: Path) -> None:
    program = f"""
import os, signal, torch
from pckd.training.bank_files import open_bank
bank = open_bank({{"teacher": "a"}}, rows={ROWS}, copies={COPIES}, width={WIDTH}, max_bytes=10**9)
bank.write(torch.tensor([1]), torch.ones(1, {COPIES}, {WIDTH}, dtype=torch.float16))
bank.features[2] = 7.0
os.kill(os.getpid(), signal.SIGKILL)
"""
    survivor = opened()
    filled(survivor, [4])
    result = subprocess.run([sys.executable, "-c", program], env=dict(os.environ))
    assert result.returncode == -9
    assert known(survivor) == [1, 4]
    assert known(opened()) == [1, 4]


def test_half_of_the_memory_is_the_default() -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert np.isclose(default_bank_bytes(), total / 2, rtol=0.05)


def test_a_system_without_posix_fallocate_takes_the_blocks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    with (tmp_path / "bank").open("w+b") as file:
        file.write(b"header")
        _take_blocks(file, 3_000_000)
        _take_blocks(file, 2_000_000)
    content = (tmp_path / "bank").read_bytes()
    assert (len(content), content[:7]) == (3_000_000, b"header\0")
