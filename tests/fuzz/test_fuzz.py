"""A few damaged files of each kind, and what earlier runs of `make fuzz` found."""

import io
import time
import zipfile
from pathlib import Path

import pytest

from fuzz import running
from fuzz.running import fuzz
from fuzz.targets import TARGETS, Target
from pckd.errors import InputError
from pckd.training.importing import read_network


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", TARGETS)
def test_a_few_damaged_files_of_each_kind_surprise_nobody(kind: str) -> None:
    assert fuzz(kind, count=12, seed=1) == 0


def test_a_file_is_too_slow_by_its_own_work_and_not_by_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = iter(range(3))

    def read(_: Path, __: str) -> None:
        if next(reads) == 1:  # after the whole file, whose reading imports
            sum(range(3_000_000))
        time.sleep(0.05)

    target = Target(samples=lambda: [("study.yaml", b"study: x")], read=read)
    monkeypatch.setitem(TARGETS, "study files", target)
    monkeypatch.setattr(running, "SLOWEST", 0.02)
    assert running.fuzz("study files", count=2, seed=1) == 1
    assert "study files: fuzz-findings/1-0-study.yaml: 0 seconds" in capsys.readouterr().out


def test_an_archive_whose_names_are_no_text_is_refused(folder: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/\N{GREEK SMALL LETTER PI}", b"")
    (folder / "peer.pth").write_bytes(
        stream.getvalue().replace("\N{GREEK SMALL LETTER PI}".encode(), b"\x80\x80")
    )
    with pytest.raises(InputError, match="is damaged or holds more than tensors"):
        read_network(folder / "peer.pth", "resnet8", "cifar100")
