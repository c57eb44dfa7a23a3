"""A few damaged files of each kind, and what earlier runs of `make fuzz` found."""

import io
import zipfile
from pathlib import Path

import pytest

from fuzz.running import fuzz
from fuzz.targets import TARGETS
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


def test_an_archive_whose_names_are_no_text_is_refused(folder: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/\N{GREEK SMALL LETTER PI}", b"")
    (folder / "peer.pth").write_bytes(
        stream.getvalue().replace("\N{GREEK SMALL LETTER PI}".encode(), b"\x80\x80")
    )
    with pytest.raises(InputError, match="is damaged or holds more than tensors"):
        read_network(folder / "peer.pth", "resnet8", "cifar100")
