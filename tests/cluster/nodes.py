"""Ray clusters of several nodes on this machine, and pckd's own command as their driver."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.training.network_file import TrainedNetwork

BIN = Path(sys.executable).parent
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}
OFF = dict.fromkeys(("kd", "center_contrast", "feature_alignment", "center_alignment"), 0)
PASSING = ("started", "updated", "seconds", "host", "images_per_second")
"""Columns that say when and where, and differ between two runs of the same trial."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


class Group:
    """A command with all processes that it starts; they end together."""

    def __init__(self, command: list[str], output: Path, **environment: str) -> None:
        self.output = output
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **ENVIRONMENT, **environment},
            stdout=output.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """As a machine that loses its power."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def processes(self) -> dict[int, str]:
        """The command lines of all its processes that live, by their ids."""
        command = ["ps", "-ww", "-o", "pid=,args=", "-s", str(self.process.pid)]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        lines = (line.split(maxsplit=1) for line in found.splitlines())
        return {int(pid): args for pid, args in lines if "<defunct>" not in args}

    def says(self, text: str) -> bool:
        """Return whether the text was printed; fails if the command ended without it."""
        found = text in self.output.read_text()
        assert found or self.process.poll() is None, self.output.read_text()
        return found

    def ends(self, seconds: float = 240) -> str:
        """Output of the command, once it has ended well."""
        code = self.process.wait(seconds)
        printed = self.output.read_text()
        assert code == 0, printed
        return printed


class Cluster:
    """A head without CPUs, and nodes that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.groups: list[Group] = []

    def start(self, *command: str, **environment: str) -> Group:
        """A command whose processes end with the cluster."""
        output = self.folder / f"output-{len(self.groups)}"
        self.groups.append(Group([*command], output, **environment))
        return self.groups[-1]

    def start_head(self, *options: str, **environment: str) -> Group:
        """The head, without CPUs; back once it answers."""
        port = self.address.rpartition(":")[2]
        return self.ray(f"--port={port}", "--head", "--num-cpus=0", *options, **environment)

    def add_node(self, cpus: int = 1, **options: Any) -> Group:  # noqa: ANN401
        """One more node; back once it belongs to the cluster."""
        return self.ray(f"--address={self.address}", f"--num-cpus={cpus}", **options)

    def ray(
        self, *options: str, inside: Sequence[str] = (), at: str = "127.0.0.1", **environment: str
    ) -> Group:
        """A node by `ray start`; `inside` is a command that runs it elsewhere."""
        command = [*inside, str(BIN / "ray"), "start", "--block", "--disable-usage-stats"]
        limits = ["--object-store-memory=100000000", f"--node-ip-address={at}"]
        shown = ["--dashboard-port=0"] if "--head" in options else []
        group = self.start(*command, *limits, *shown, *options, **environment)
        wait(lambda: group.says("Ray runtime started"))
        return group

    def study(
        self,
        values: dict[str, Any],
        root: str | Path,
        *,
        inside: Sequence[str] = (),
        **environment: str,
    ) -> Group:
        """`pckd study run` as it runs on the cluster."""
        file = self.folder / f"study-{len(self.groups)}.yaml"
        file.write_text(yaml.safe_dump(values))
        command = [*inside, str(BIN / "python"), "-m", "pckd.cli", "study", "run", str(file)]
        options = ["--results", str(root), "--address", self.address]
        return self.start(*command, *options, **environment)

    def stop(self) -> None:
        """Leave nothing running."""
        for group in reversed(self.groups):
            group.kill()


def tiny(name: str, epochs: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A study of one student without teacher: milliseconds an epoch."""
    run = {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 32},
        "student": "resnet8",
        "loss": OFF,
        "views": {"crop_padding": 1, "flip": False},
        "optimization": {"epochs": epochs, "batch_size": 32, "learning_rate": 0.001},
    }
    return {"study": name, "run": run, **changes}


def tiny_search(epochs: int, trials: int) -> dict[str, Any]:
    """A search whose proposals depend on the seed alone, not on which trial ends first."""
    parameters = {"optimization.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    search = {"trials": trials, "sampler": {"name": "random"}, "parameters": parameters}
    study = tiny("search", epochs, search=search)
    study["run"]["data"]["holdout_fraction"] = 0.25
    study["run"]["optimization"]["batch_size"] = 24
    return study


def epochs_done(root: str | Path, study: str) -> list[int]:
    """Epochs done by each trial of a study."""
    found: list[int] = ResultsStore(Storage(root), study).read("trials")["epochs_done"].tolist()
    return found


def assert_same_results(root: str | Path, other: str | Path, study: str) -> None:
    """The tables and the students of a study are the same below two roots, to the last digit."""
    for table, key in (("trials", ["trial"]), ("epochs", ["trial", "epoch"])):
        frames = [
            ResultsStore(Storage(each), study)
            .read(table)
            .drop(columns=[*PASSING], errors="ignore")
            .sort_values(key, ignore_index=True)
            for each in (root, other)
        ]
        assert len(frames[0])
        assert not frames[0].duplicated(key).any()
        pd.testing.assert_frame_equal(frames[0], frames[1], check_exact=True)
    assert _networks(root, study) == _networks(other, study)


def _networks(root: str | Path, study: str) -> dict[str, str]:
    """The content hash of each kept student, by its file's name."""
    storage, folder = Storage(root), f"{study}/networks"
    return {
        name: TrainedNetwork.from_bytes(storage.read(f"{folder}/{name}"), name).content_hash()
        for name in storage.names(folder)
    }
