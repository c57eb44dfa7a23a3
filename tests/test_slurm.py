"""The SLURM scripts in deploy/: what can be checked of them without SLURM."""

import os
import re
import signal
import subprocess
import sysconfig
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


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    check(Path(sysconfig.get_path("scripts")) / "shellcheck", script)


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


STANDINS = {
    "srun": """while [[ $1 == --* ]]; do shift; done
for node in 0 1; do SLURM_NODEID=$node "$@" & done
wait""",
    # The first start of each node fails, as a slow one does.
    "ray": """if [ ! -e tried-$SLURM_NODEID ]; then touch tried-$SLURM_NODEID; exit 1; fi
echo "$RAY_AUTH_MODE $*" > node-$SLURM_NODEID
exec tail -f /dev/null""",
    "python": """case $2 in
    *address*) echo 10.0.0.1 ;;
    *secrets*) echo secret ;;
    *nodes*) [ -e node-0 ] && [ -e node-1 ] ;;
esac""",
    "sleep": "true",
    "pckd": """echo "$RAY_ADDRESS $*" """,
}


def test_the_study_starts_once_ray_runs_on_every_node(tmp_path: Path) -> None:
    """Here all programs are stand-ins; `tests/cluster/test_slurm.py` has the real ones."""
    for program, text in STANDINS.items():
        (tmp_path / program).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (tmp_path / program).chmod(0o755)
    job = {"SLURM_JOB_ID": "12345", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "8"}
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            ["bash", ROOT / "deploy/slurm-ray.sh", "table1", "--results", "/shared/results"],
            env={**os.environ, **job, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            cwd=tmp_path,
            stdout=output,
            start_new_session=True,
        )
        assert process.wait(60) == 0
    os.killpg(process.pid, signal.SIGKILL)
    printed = (tmp_path / "output").read_text()
    assert printed == "10.0.0.1:22345 study run table1 --results /shared/results\n"
    head, worker = ((tmp_path / f"node-{node}").read_text() for node in (0, 1))
    assert head.startswith("token start --block --disable-usage-stats --head ")
    assert "--node-ip-address=10.0.0.1 --port=22345 --ray-client-server-port=32345" in head
    assert "--address=10.0.0.1:22345" in worker
    assert "--num-cpus=8" in head
    assert "--num-cpus=8" in worker
