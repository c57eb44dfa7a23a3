"""Tables for a person at a terminal, and for whatever reads a pipe."""

import json
import math
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from pckd.cli.main import app, main
from pckd.cli.output import print_rows
from pckd.cli.study import _summarise
from pckd.storage import Storage
from pckd.study.outcome import Outcome
from pckd.study.plan import Ended
from pckd.study.results import ResultsStore
from pckd.study.term_rows import term_rows
from pckd.study.trial import Trial

ROW = {"trial": "8ae9e07ecb39", "seed": 0, "case": "a case " * 12, "reason": "it is so " * 9}


def test_in_a_pipe_each_row_is_one_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([ROW, ROW], as_json=False)
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == list(ROW)
    assert len(lines) == 2
    for value in ROW.values():
        assert str(value).strip() in lines[0]


def test_a_terminal_is_not_exceeded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    print_rows([ROW], as_json=False)
    _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 60 for line in lines)


def test_no_letter_is_lost_where_a_word_is_longer_than_its_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    print_rows([{"trial": "8ae9e07ecb39", "case": "center_contrast=0.04602"}], as_json=False)
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "".join(line[14:].strip() for line in text.splitlines()[1:]) == "center_contrast=0.04602"


def test_missing_numbers_are_null_and_small_ones_keep_their_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {"trial": "a", "epoch": 1, "top1": 50.0, "learning_rate": 0.0005}
    second = {"trial": "a", "epoch": 2, "top1": math.nan, "learning_rate": 0.05}
    ResultsStore(Storage(tmp_path), "demo").write("epochs", "a", [first, second])
    lines = shown(tmp_path, capsys, "epochs").splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["a", "1", "50.00", "0.0005"],
        ["a", "2", "-", "0.05"],
    ]
    assert "NaN" not in (text := shown(tmp_path, capsys, "epochs", "--json"))
    assert json.loads(text)[1] == {**second, "top1": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with two trials, of which much is known."""
    for seed in (0, 1):
        row: dict[str, Any] = {
            "study": "demo",
            "trial": f"8ae9e07ecb3{seed}",
            "seed": seed,
            "method": "kd",
            "case": "kd=0.5, center_contrast=0.05, growth_rate=1.005, crd.temperature=0.07",
            "status": "completed",
            "epochs_planned": 20,
            "epochs_done": 20,
            "seconds": 66.5,
            "test_top1": 57.9,
            "last_top1": 57.9,
            "best_top1": 58.2,
            "test_top5": 90.5,
            "host": "a-long-name-of-a-machine.example.org",
            "device": "cpu",
            "torch": "2.15",
            "terms": term_rows({"kd": {"weight": 0.5, "temperature": 4.0}}),
        }
        ResultsStore(Storage(tmp_path), "demo").write("trials", row["trial"], [row])
    return tmp_path


def shown(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    app(["results", "show", "demo", "--results", str(root), *words], standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.parametrize(("width", "columns"), [(80, 4), (100, 5)])
def test_a_table_shows_what_tells_most_in_a_line(
    width: int,
    columns: int,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    *lines, more = re.sub(r"\x1b\[[0-9;]*m", "", shown(root, capsys)).splitlines()
    heading = lines[0].split()
    assert heading[:columns] == ["case", "seed", "status", "test_top1", "last_top1"][:columns]
    assert max(map(len, lines)) <= width
    assert "…" not in lines[0]
    assert more.endswith("more columns: --wide, or --json")


def test_a_very_narrow_terminal_gets_the_lines_of_a_narrow_one(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    outputs = []
    for width in (20, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        outputs.append(shown(root, capsys))
    assert outputs[0] == outputs[1]
    assert "case" in outputs[0]


def test_trials_are_shown_in_the_order_in_which_they_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ResultsStore(Storage(tmp_path), "demo")
    for trial, hour in {"a": 3, "b": 1, "c": 2}.items():
        started = datetime(2026, 1, 2, hour, tzinfo=UTC)
        store.write("trials", trial, [{"study": "demo", "trial": trial, "started": started}])
    store.write("trials", "d", [{"study": "demo", "trial": "d"}])
    rows = json.loads(shown(tmp_path, capsys, "--json"))
    assert [row["trial"] for row in rows] == ["b", "c", "a", "d"]


def test_a_terminal_gets_the_first_rows_and_a_pipe_all(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"study": "demo", "trial": "a", "epoch": epoch} for epoch in range(1, 101)]
    ResultsStore(Storage(root), "demo").write("epochs", "a", rows)
    in_a_pipe = shown(root, capsys, "epochs").splitlines()
    assert in_a_pipe[100].split() == ["a", "100"]
    monkeypatch.setenv("FORCE_COLOR", "1")
    on_a_terminal = re.sub(r"\x1b\[[0-9;]*m", "", shown(root, capsys, "epochs")).splitlines()
    assert [line.split()[1] for line in on_a_terminal[1:-2]] == [str(n) for n in range(1, 41)]
    assert on_a_terminal[-2:] == [
        "60 more rows: --all, or --json",
        "1 more column: --wide, or --json",
    ]
    assert "60 more rows" in shown(root, capsys, "epochs", "--wide")
    assert "more rows" not in shown(root, capsys, "epochs", "--all")
    assert len(json.loads(shown(root, capsys, "epochs", "--json"))) == 100


def test_a_status_fits_a_line_and_says_each_reason_once(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    store = ResultsStore(Storage(root), "demo")
    for trial in store.read("trials")["trial"]:
        row = {"study": "demo", "trial": trial, "case": "center_contrast=0.04602, kd=1"}
        failed = {"status": "failed", "reason": "the loss became nan"}
        store.write("trials", trial, [{**row, **failed, "epochs_planned": 20, "epochs_done": 3}])
    app(["study", "status", "demo", "--results", str(root)], standalone_mode=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == ["2 trials: 2 failed", "2 failed: the loss became nan"]


def test_a_status_says_that_teachers_of_one_recipe_differ(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ResultsStore(Storage(root), "demo")
    for trial, digit, place in zip(store.read("trials")["trial"], "ab", ("x", "y"), strict=True):
        run = json.dumps({"data": {"name": "digits", "root": place}, "teacher": {"model": "vgg8"}})
        store.write("trials", trial, [{"trial": trial, "config": run, "teacher": digit * 64}])
    app(["study", "status", "demo", "--results", str(root)], standalone_mode=False)
    sentence = "Trials learned from 2 teachers of one recipe (aaaaaaaaaaaa and bbbbbbbbbbbb)"
    assert sentence in capsys.readouterr().out
    for table in ("trials", "epochs"):
        assert sentence in shown(root, capsys, table)


def test_all_of_a_table_is_shown_if_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "a-long-name-of-a-machine" in shown(root, capsys, "--wide")
    first = json.loads(shown(root, capsys, "--json"))[0]
    assert first["terms"][0]["parameter"] == "weight"


def test_what_was_noticed_of_trials_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poor = Outcome("completed", 9.0, notices="the teacher is not better than chance")
    both = Outcome("completed", 9.0, notices=f"{poor.notices}; no bank serves it")
    outcomes = (poor, both, Outcome("completed", 50.0))
    ended: list[Ended] = [(Mock(spec=Trial), outcome) for outcome in outcomes]
    _summarise("taught", ended, Storage(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [
        "taught: the teacher is not better than chance (2 trials)",
        "taught: no bank serves it (1 trial)",
    ]
    assert lines[-1].startswith("taught: 3 trials done")


def test_a_reader_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr(
            sys.modules["pckd.cli.main"], "app", lambda prog_name: print("a line for nobody")
        )
        main()
