"""`pckd --version`, and the study files that are installed, from an empty folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pckd

Command = Callable[..., str]


def test_the_version_is_shown(command: Command) -> None:
    assert command("--version") == f"pckd {pckd.__version__}\n"


def test_available_studies_are_listed(command: Command) -> None:
    command("study", "copy", "demo")
    rows = json.loads(command("study", "list", "--available", "--json"))
    by_name = {row["study"]: row for row in rows}
    assert by_name["demo"]["about"].startswith("The main job")
    assert by_name["demo"]["place"] == "./studies"
    assert by_name["table9"]["place"] == "installed"


def test_a_study_is_copied_and_named(command: Command) -> None:
    assert command("study", "copy", "demo") == "studies/demo.yaml\n"
    assert Path("studies/demo.yaml").is_file()
    assert "already" in command("study", "copy", "demo", code=2)


def test_an_installed_study_runs_by_its_name(command: Command) -> None:
    assert "name: digits" in command("study", "run", "demo", "--dry-run")
