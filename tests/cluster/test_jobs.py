"""Studies as jobs of a real cluster with token authentication, submitted from outside it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import requests
import yaml

pytestmark = pytest.mark.cluster

BIN = Path(sys.executable).parent
PACKAGE = Path(__file__).parents[2] / "pckd"
TOKEN = "a-token-that-nobody-else-may-see-0123456789"
CLOUD_SECRET = "a-secret-access-key-of-a-cloud"
VERSION = "0.0.0+uploaded"
OFF = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}
STUDY: dict[str, Any] = {
    "study": "tiny",
    "run": {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 32},
        "student": "resnet8",
        "loss": OFF,
        "views": {"crop_padding": 1, "flip": False},
        "optimization": {"epochs": 2, "batch_size": 32, "learning_rate": 0.001},
    },
}


class Head(NamedTuple):
    """A cluster of one node, and how to reach it."""

    address: str
    token_file: Path
    tree: Path
    """A working tree to submit from: this package, said to be of another version, and a study."""

    def environment(self, **changes: str) -> dict[str, str]:
        """That of a laptop with the cluster's token and credentials of a cloud."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        laptop = {
            "RAY_API_SERVER_ADDRESS": self.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "AWS_SECRET_ACCESS_KEY": CLOUD_SECRET,
            "OMP_NUM_THREADS": "1",
        }
        return {**kept, **laptop, **changes}

    def pckd(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of pckd to its end."""
        return subprocess.run(
            [str(BIN / "python"), "-m", "pckd.cli", *arguments],
            cwd=self.tree,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=300,
        )

    def details(self, job: str) -> dict[str, Any]:
        """All that the dashboard tells of a job."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        reply = requests.get(f"{self.address}/api/jobs/{job}", headers=headers, timeout=30)
        found: dict[str, Any] = reply.json()
        return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def _answers(address: str, status: int) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(address, timeout=5).status_code == status
    return False


@pytest.fixture(name="head", scope="module")
def _head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    folder = tmp_path_factory.mktemp("head")
    tree = folder / "tree"
    shutil.copytree(PACKAGE, tree / "pckd", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "pckd/version.py").write_text(f'"""A copy."""\n\n__version__ = "{VERSION}"\n')
    (tree / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    port = _free_port()
    head = Head(f"http://127.0.0.1:{port}", folder / "token", tree)
    head.token_file.write_text(TOKEN)
    # Ray's sockets need a short path.
    ray_folder = Path("/tmp") / f"pckd-{os.getpid()}"
    command = [str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=2"]
    command += ["--node-ip-address=127.0.0.1", f"--port={_free_port()}", "--disable-usage-stats"]
    command += ["--dashboard-host=127.0.0.1", f"--dashboard-port={port}"]
    command += [f"--temp-dir={ray_folder}"]
    # Where another Ray has an agent's port, Ray goes on without the one that starts jobs.
    agent = _free_port()
    command += [f"--dashboard-agent-listen-port={agent}"]
    own = {"PATH": f"{BIN}:{os.environ['PATH']}", "AWS_SECRET_ACCESS_KEY": ""}
    log = (folder / "head.log").open("w")
    process = subprocess.Popen(
        command,
        env=head.environment(**own),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait(lambda: _answers(f"{head.address}/api/version", 401))
        _wait(lambda: _answers(f"http://127.0.0.1:{agent}/api/local_raylet_healthz", 200))
        yield head
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(ray_folder, ignore_errors=True)


def test_a_submitted_study_runs_in_the_working_tree_and_shows_no_secret(
    head: Head, tmp_path: Path
) -> None:
    options = ("--set=seeds=[3]", "--results", str(tmp_path))
    done = head.pckd("cluster", "submit", "tiny.yaml", *options)
    assert done.returncode == 0, done.stderr
    job, *log = done.stdout.splitlines()
    assert any(line.startswith("1/1 completed resnet8, run, seed 3") for line in log), done.stdout
    (row,) = pd.read_parquet(tmp_path / "tiny/trials").to_dict("records")
    assert (row["status"], row["seed"], row["pckd"]) == ("completed", 3, VERSION)

    listed = json.loads(head.pckd("cluster", "status", "--json").stdout)
    (described,) = [each for each in listed if each["job"] == job]
    assert described["status"] == "SUCCEEDED"
    assert described["command"].startswith("study run tiny.yaml --results")
    shown = json.dumps(head.details(job)) + done.stdout + done.stderr
    assert not any(secret in shown for secret in (TOKEN, CLOUD_SECRET, "AWS_"))


def test_ctrl_c_detaches_and_stop_ends_the_job(head: Head, tmp_path: Path) -> None:
    arguments = ["submit", "tiny.yaml", "--set=optimization.epochs=2000", "--results"]
    command = [str(BIN / "python"), "-m", "pckd.cli", "cluster", *arguments, str(tmp_path)]
    client = subprocess.Popen(
        command,
        cwd=head.tree,
        env=head.environment(PCKD_CACHE=str(tmp_path / "cache")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell was told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert client.stdout is not None
    job = client.stdout.readline().strip()
    _wait(lambda: any((tmp_path / "tiny").glob("checkpoints/*.pt")))
    client.send_signal(signal.SIGINT)
    output, errors = client.communicate(timeout=60)
    assert client.returncode == 0, errors
    assert "tiny: 0 of 1 trials are done" in output
    assert f"detached; job {job} goes on: pckd cluster logs {job}" in errors
    assert head.details(job)["status"] == "RUNNING"
    assert head.details(job)["runtime_env"]["env_vars"]["PCKD_CACHE"] == str(tmp_path / "cache")

    stopped = head.pckd("cluster", "stop", job)
    assert (stopped.returncode, stopped.stdout) == (0, f"{job} is stopped\n")
    ended = head.pckd("cluster", "logs", job)
    assert ended.stdout.endswith("pckd: interrupted; run the same command again to go on\n")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"pckd: job {job} is stopped")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"RAY_AUTH_MODE": "disabled"}, "it wants a token; set RAY_AUTH_MODE=token and put its"),
        ({"RAY_AUTH_TOKEN": "another"}, "the token is not the cluster's; put that into"),
    ],
    ids=["without a token", "with a wrong one"],
)
def test_a_client_is_turned_away(
    head: Head, tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    submit = ("cluster", "submit", "tiny.yaml", "--results", str(tmp_path))
    refused = head.pckd(*submit, **environment)
    assert (refused.returncode, refused.stdout) == (1, "")
    place = f"pckd: the Ray cluster at {head.address} turns this client away: "
    assert refused.stderr.startswith(place + sentence)
    assert len(refused.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_unknown_job_is_a_sentence(head: Head) -> None:
    refused = head.pckd("cluster", "logs", "raysubmit_none")
    sentence = "has no job raysubmit_none; pckd cluster status lists its jobs"
    assert refused.returncode == 2
    assert refused.stderr == f"pckd: the Ray cluster at {head.address} {sentence}\n"
