"""Studies over several nodes compute what one node does, though a node or the driver is killed."""

from pathlib import Path

import pytest

from tests.cluster.killing import EPOCHS, STUDIES, Nodes, under_way
from tests.cluster.nodes import assert_same_results, epochs_done, wait

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("study", STUDIES)
def test_a_node_is_killed_under_a_study(
    study: str, nodes: Nodes, undisturbed: Path, tmp_path: Path
) -> None:
    run = nodes.cluster.study(STUDIES[study], tmp_path)
    wait(under_way(tmp_path, study))
    nodes.replace(next(node for node in nodes.groups if nodes.trainers(node)))
    run.ends()
    assert_same_results(tmp_path, undisturbed, study)


def test_the_driver_of_a_search_is_killed_and_started_again(
    nodes: Nodes, undisturbed: Path, tmp_path: Path
) -> None:
    run = nodes.cluster.study(STUDIES["search"], tmp_path)
    wait(under_way(tmp_path, "search"))
    run.kill()
    assert min(epochs_done(tmp_path, "search")) < EPOCHS
    nodes.cluster.study(STUDIES["search"], tmp_path).ends()
    assert_same_results(tmp_path, undisturbed, "search")
