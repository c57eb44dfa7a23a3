"""Tables for a person at a terminal, and for whatever reads a pipe."""

import pytest

from pckd.cli.output import print_rows

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
