"""The SLURM scripts in deploy/: what can be checked of them without SLURM."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pckd.cli.main import app

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))


def name(path: Path) -> str:
    return path.name


def check(*command: str | Path) -> None:
    done = subprocess.run([*command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_bash_can_read_it(script: Path) -> None:
    check("bash", "-n", script)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    check("shellcheck", script)


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_options_of_sbatch_stand_before_the_first_command(script: Path) -> None:
    """Sbatch reads none after it."""
    lines = script.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line and line[0] != "#")
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    assert options
    assert max(options) < first


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_the_command_in_the_place_of_the_shell_exists(script: Path) -> None:
    """The signal before the end goes to the shell alone, so the study must take its place."""
    (command,) = re.findall(r'^exec pckd (.+) "\$@"$', script.read_text("utf-8"), re.MULTILINE)
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0
    assert "#SBATCH --signal=B:INT@" in script.read_text("utf-8")
