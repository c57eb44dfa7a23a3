"""The command line, run in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pckd.cli import main

Command = Callable[..., str]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `pckd ...` in an empty folder; return what it prints, of an error the sentence."""
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["pckd", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        assert caught.value.code == code, captured.err
        return captured.err if code else captured.out

    return run
