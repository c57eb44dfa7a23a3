"""Names that the shell completes, asked for as bash does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pckd.method import list_terms

Command = Callable[..., str]


@pytest.fixture(name="complete")
def _complete(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """What may stand in place of the last word of a line."""

    def complete(line: str) -> list[str]:
        monkeypatch.setenv("_PCKD_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        return command().split()

    return complete


def test_commands_options_and_names_are_completed(complete: Callable[[str], list[str]]) -> None:
    for folder in ("demo", "teachers"):
        Path("results", folder).mkdir(parents=True)
    Path("elsewhere/other").mkdir(parents=True)
    assert complete("pckd stu") == ["study"]
    assert complete("pckd study run --res") == ["--results"]
    assert complete("pckd study run dem") == ["demo"]
    assert complete("pckd study status ") == ["demo"]
    assert complete("pckd study status '' --res") == ["--results"]
    assert complete("pckd study status --results elsewhere ") == ["other"]
    assert complete("pckd study status --results s3://bucket ") == []
    assert complete("pckd terms ") == sorted(list_terms())
    assert complete("pckd methods kd_") == ["kd_standardised"]
    assert complete("pckd distill --student wrn_16") == ["wrn_16_1", "wrn_16_2"]
    assert complete("pckd data check tiny") == ["tiny-imagenet"]


def test_paths_of_study_files_are_completed(complete: Callable[[str], list[str]]) -> None:
    Path("mine.yaml").touch()
    assert complete("pckd study run mi") == ["mine.yaml"]


def test_the_script_is_shown(command: Command) -> None:
    assert "_PCKD_COMPLETE" in command("--show-completion", "bash")
