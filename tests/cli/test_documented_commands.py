"""Commands in the README and the docs: the command line knows each, with its options."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Command = Callable[..., str]
ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """Words after `pckd` of each command in a code block or a sentence."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = [block for language, block in FENCED.findall(text) if not language]
    lines = [part.strip() for block in blocks for part in re.split(r"\n|&&", block)]
    lines += re.findall(r"`(pckd [^`|]+)`", FENCED.sub("", text))
    for line in lines:
        if line.startswith("pckd "):
            yield shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_line_knows_every_command_of_a_page(page: Path, command: Command) -> None:
    Path("my_losses.py").touch()
    for words in commands(page):
        assert command(*words, "--help").startswith("Usage: pckd"), words


def test_commands_are_found_and_mistakes_in_them_too(command: Command) -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 60
    for words in (["stduy", "run", "demo"], ["study", "run", "demo", "--dryrun"]):
        command(*words, "--help", code=2)
