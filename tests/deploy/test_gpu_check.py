"""The check on a GPU, as far as a machine without one can try it."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.gpu_check.__main__ import main
from deploy.gpu_check.parts import DamagedError, join, split
from deploy.gpu_check.running import run_steps
from deploy.gpu_check.steps import STEPS, Step
from deploy.gpu_check.wheels import missing, needed


def _folder(path: Path) -> Path:
    (path / "data").mkdir(parents=True)
    (path / "data" / "large").write_bytes(bytes(range(256)) * 700)
    (path / "small").write_text("text")
    return path


def test_parts_are_small_and_come_back_whole(tmp_path: Path) -> None:
    count = split(_folder(tmp_path / "whole"), tmp_path / "parts", size=50_000)
    parts = sorted((tmp_path / "parts").glob("part-*"))
    assert len(parts) == count >= 4
    assert max(path.stat().st_size for path in parts) <= 50_000
    join(tmp_path / "parts", tmp_path / "again")
    large = Path("data") / "large"
    assert (tmp_path / "again" / large).read_bytes() == (tmp_path / "whole" / large).read_bytes()
    assert (tmp_path / "again" / "small").read_text() == "text"


@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_part_that_did_not_arrive_is_named(tmp_path: Path, fault: str) -> None:
    split(_folder(tmp_path / "whole"), tmp_path / "parts", size=50_000)
    part = tmp_path / "parts" / "part-002"
    part.write_bytes(b"else") if fault == "damaged" else part.unlink()
    with pytest.raises(DamagedError, match=f"part-002 is {fault}"):
        join(tmp_path / "parts", tmp_path / "again")


def test_steps_run_once_and_failed_ones_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = "import sys, pathlib; sys.exit(not pathlib.Path(sys.argv[1], 'mended').exists())"
    steps = (
        Step("good", ("-c", "print('{data}')"), ("pytest",)),
        Step("mended", ("-c", fails, "{out}"), ()),
        Step("lacking", ("-c", ""), ("pytest", "no-such-package")),
    )
    places = {"data": "IMAGES", "out": str(tmp_path)}
    assert not run_steps(places, tmp_path, steps)
    first = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in first[:2]] == ["good: done", "mended: failed"]
    assert first[2] == "lacking: left out, this Python lacks no-such-package"
    assert (tmp_path / "good.log").read_text().endswith("IMAGES\n")
    (tmp_path / "mended").touch()
    assert run_steps(places, tmp_path, steps[:2])
    again = capsys.readouterr().out.splitlines()
    assert again[0] == "good: done before" and again[1].startswith("mended: done")


def test_wheels_are_those_below_pckd_but_for_torch() -> None:
    names = {text.partition("==")[0]: text.partition("==")[2] for text in needed()}
    assert names["ray"] == version("ray") and names["pytest"] == version("pytest")
    assert {"pyarrow", "optuna", "pydantic-core", "aiohttp"} <= names.keys()
    assert not {"torch", "torchvision", "triton", "pckd"} & names.keys()
    assert not any(name.startswith("nvidia") for name in names)


def test_all_that_the_steps_ask_for_is_carried() -> None:
    carried = {text.partition("==")[0] for text in needed()}
    asked = {name.lower() for step in STEPS for name in step.packages}
    assert asked <= carried
    assert missing(tuple(asked)) == []


def test_parts_that_are_not_there_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu_check", "run", str(tmp_path), str(tmp_path / "out")])
    assert main() == 2
    assert "holds no digests.json" in capsys.readouterr().err
