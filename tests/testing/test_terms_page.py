"""The tutorial `docs/terms.md`: its code runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pckd.method import Side, Step

PAGE = Path(__file__).parents[2] / "docs" / "terms.md"
BLOCK = re.compile(r"```(\w*)(?: file=(\S+))?\n(.*?)```", re.DOTALL)
PLANNING = """
from pathlib import Path

from pckd.study.plan import fixed_plan
from pckd.study.study_file import read_study

trials = [planned.trial for planned in fixed_plan(read_study(Path("huber.yaml"), {}))]
assert len(trials) == len({trial.identity for trial in trials}) == 8
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that a reader of the page saves."""
    folder = tmp_path_factory.mktemp("reader")
    for _, name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if name:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def python(program: str, folder: Path) -> None:
    """Run a program in a folder as its reader does."""
    paths = os.pathsep.join([str(folder), str(PAGE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_its_python_runs(reader: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    python("\n".join(text for kind, name, text in blocks if kind == "python" and not name), reader)


def test_its_study_is_planned_with_the_term_of_the_reader(reader: Path) -> None:
    python(PLANNING, reader)


def test_its_table_names_what_a_step_has() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What a step brings")[2]
    table = table.partition("\n\n")[2].partition("\n\n")[0]
    names = set(re.findall(r"\.(\w+)", table)) - {"student", "taught"}
    assert names <= {*Side._fields, *dir(Step)}
