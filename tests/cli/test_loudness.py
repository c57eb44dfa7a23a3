"""Options that all commands share: -q, -v, and the same words for the same thing."""

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from pckd.cli.main import app
from pckd.loudness import is_quiet, set_loudness
from pckd.progress import Display

Command = Callable[..., str]
SHARED = ("--set", "--results", "--json", "--data-root", "--download", "--scale", "--fresh")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    level = logging.getLogger("pckd").level
    yield
    logging.getLogger("pckd").setLevel(level)


def _commands(group: TyperGroup) -> Iterator[Any]:
    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            yield from _commands(command)
        else:
            yield command


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, TyperGroup)
COMMANDS = list(_commands(ROOT))


def test_every_command_has_both_options() -> None:
    assert len(COMMANDS) > 20
    for command in COMMANDS:
        names = [name for parameter in command.params for name in parameter.opts]
        assert {"-q", "--quiet", "-v", "--verbose"} <= set(names), command.name


@pytest.mark.parametrize("name", SHARED)
def test_one_option_is_told_in_one_way(name: str) -> None:
    options = [each for command in COMMANDS for each in command.params if name in each.opts]
    assert len(options) > 1
    assert len({(option.help, option.metavar) for option in options}) == 1


@pytest.mark.parametrize("group", ["", "study", "teacher", "data", "results", "cluster"])
def test_lists_of_commands_fit_80_columns(
    group: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = command(*group.split(), "--help").partition("Commands:")[2].splitlines()
    assert lines
    assert not [line for line in lines if line.endswith("...") or len(line) > 80]


def test_no_option_has_a_negative_that_its_default_makes_idle() -> None:
    options = [each for command in COMMANDS for each in command.params]
    assert {each.name for each in options if each.secondary_opts} == {"follow"}


def test_quiet_leaves_out_progress_and_nothing_else(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("study", "list", "-q") == "none\n"
    assert is_quiet()
    Display().say("progress")
    with Display().bars() as bars:
        bars.add_task("progress", note="")
    assert capsys.readouterr() == ("", "")
    assert "holds no study" in command("study", "status", "demo", "-q", code=2)


def test_verbose_shows_where_an_error_came_up(command: Command) -> None:
    text = command("study", "status", "demo", "--verbose", code=2)
    assert "Traceback" in text
    assert text.splitlines()[-1].startswith("pckd: ")
    assert "Traceback" not in command("study", "status", "demo", code=2)


def test_warnings_of_libraries_are_for_those_who_ask() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for verbose in (False, True):
            with warnings.catch_warnings():
                set_loudness(quiet=False, verbose=verbose)
                _warn_from("torch.optim", "theirs")
                _warn_from("pckd.data.cache_file", "ours")
    assert [str(each.message) for each in caught] == ["ours", "theirs", "ours"]


def _warn_from(module: str, text: str) -> None:
    warnings.warn_explicit(text, UserWarning, "file.py", 1, module=module)
