"""Two nodes with network addresses of their own, and no folder in common but the results.

Both think that their host name is at 127.0.0.1, as on many machines: workers must join over the
addresses of the nodes. Needs the right to make network namespaces.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pckd.storage import Storage
from pckd.study.results import ResultsStore
from tests.cluster.nodes import Cluster, tiny

pytestmark = pytest.mark.faults
NAMES = (f"pckd{os.getpid()}a", f"pckd{os.getpid()}b")
ADDRESSES = ("10.231.7.1", "10.231.7.2")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@pytest.fixture(name="namespaces")
def _namespaces() -> Iterator[None]:
    """Two network namespaces, joined by a cable."""
    try:
        for name in NAMES:
            _ip("netns", "add", name)
        _ip("link", "add", NAMES[0], "type", "veth", "peer", "name", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            _ip("link", "set", name, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            _ip("-n", name, "link", "set", name, "up")
            _ip("-n", name, "link", "set", "lo", "up")
    except (PermissionError, FileNotFoundError) as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")
    yield
    for name in NAMES:
        _ip("netns", "delete", name)


@pytest.fixture(name="private")
def _private() -> Iterator[str]:
    """A folder for temporary files, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(
        prefix="pckd-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        yield folder


def test_two_workers_train_over_two_networks(
    namespaces: None, empty_cluster: Cluster, private: str, tmp_path: Path
) -> None:
    cluster = empty_cluster
    cluster.address = f"{ADDRESSES[0]}:6379"
    inside = [["ip", "netns", "exec", name] for name in NAMES]
    # The second node sees none of the first one's temporary files, as on another machine.
    hide = f'mount -t tmpfs none {private} && exec "$@"'
    inside[1] += ["unshare", "--mount", "sh", "-c", hide, "sh"]
    here: dict[str, Any] = {"TMPDIR": private, "RAY_TMPDIR": "/tmp"}
    cluster.ray("--port=6379", "--head", "--num-cpus=1", inside=inside[0], at=ADDRESSES[0], **here)
    cluster.add_node(inside=inside[1], at=ADDRESSES[1], **here)
    study = tiny("ddp", 2, resources={"workers": 2})
    cluster.study(study, tmp_path / "results", inside=inside[0], **here).ends()
    (row,) = ResultsStore(Storage(tmp_path / "results"), "ddp").read("trials").to_dict("records")
    assert (row["status"], row["workers"], row["epochs_done"]) == ("completed", 2, 2)
