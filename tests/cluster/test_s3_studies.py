"""Studies whose results lie on S3: drivers die, the server is silent for a while, then denies."""

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from tests.cluster.nodes import (
    Cluster,
    assert_same_results,
    epochs_done,
    tiny,
    tiny_search,
    wait,
)
from tests.cluster.object_store import Line, s3_server

pytestmark = pytest.mark.faults

SEARCH = tiny_search(epochs=15, trials=4)
WORKERS = tiny("ddp", 3, resources={"workers": 2})


@pytest.fixture(name="line", scope="module")
def _line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with s3_server(tmp_path_factory.mktemp("s3")) as line:
        yield line


@pytest.fixture(name="two_nodes", scope="module")
def _two_nodes(line: Line, cluster: Cluster) -> Cluster:
    """Two nodes that hold the keys of the S3 server."""
    for _ in range(2):
        cluster.add_node()
    return cluster


def test_workers_of_two_nodes_leave_on_s3_what_they_leave_on_a_disk(
    two_nodes: Cluster, line: Line, tmp_path: Path
) -> None:
    two_nodes.study(WORKERS, tmp_path).ends()
    two_nodes.study(WORKERS, line.uri("workers")).ends()
    assert_same_results(line.uri("workers"), tmp_path, "ddp")


def test_a_study_on_s3_survives_its_driver_and_a_bucket_that_is_silent_or_denied(
    two_nodes: Cluster, line: Line, tmp_path: Path
) -> None:
    two_nodes.study(SEARCH, tmp_path).ends()
    root = line.uri("survivor")

    def done() -> int:
        return sum(epochs_done(root, "search"))

    run = two_nodes.study(SEARCH, root)
    wait(lambda: done() >= 3)
    run.kill()
    before = done()

    run = two_nodes.study(SEARCH, root)
    wait(lambda: done() > before + 3)
    line.mode = "silent"
    Timer(4, lambda: setattr(line, "mode", "open")).start()
    wait(lambda: line.mode == "open")
    before = done()
    wait(lambda: done() > before)

    line.mode = "denied"
    assert run.process.wait(120) == 1
    (said,) = [text for text in run.output.read_text().splitlines() if "pckd: " in text]
    assert "ACCESS_DENIED" in said
    assert said.endswith("; run the same command again to go on")

    line.mode = "open"
    assert done() < 4 * 15
    two_nodes.study(SEARCH, root).ends()
    assert_same_results(root, tmp_path, "search")
