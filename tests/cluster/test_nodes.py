"""Several nodes compute what one does, and go on when one of them is killed."""

from pathlib import Path

import pytest

from tests.cluster.nodes import (
    Cluster,
    Group,
    assert_same_results,
    epochs_done,
    tiny,
    tiny_search,
    wait,
)

pytestmark = pytest.mark.faults
EPOCHS = 40
DDP = tiny("ddp", EPOCHS, resources={"workers": 2})
STUDIES = {"ddp": DDP, "search": tiny_search(EPOCHS, trials=4)}


@pytest.fixture(name="undisturbed", scope="module")
def _undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of both studies on one node; that node is gone afterwards."""
    root = tmp_path_factory.mktemp("undisturbed")
    node = cluster.add_node(cpus=2)
    runs = [cluster.study(study, root) for study in STUDIES.values()]
    for run in runs:
        run.ends()
    node.kill()
    return root


@pytest.fixture(name="nodes", scope="module")
def _nodes(cluster: Cluster, undisturbed: Path) -> list[Group]:
    """Three nodes of one CPU each: two workers never share one."""
    return [cluster.add_node() for _ in range(3)]


@pytest.mark.parametrize("study", STUDIES)
def test_many_nodes_compute_what_one_does(
    study: str, cluster: Cluster, nodes: list[Group], undisturbed: Path, tmp_path: Path
) -> None:
    cluster.study(STUDIES[study], tmp_path).ends()
    assert_same_results(tmp_path, undisturbed, study)


@pytest.mark.parametrize("study", STUDIES)
def test_a_node_is_killed_under_a_study(
    study: str, cluster: Cluster, nodes: list[Group], undisturbed: Path, tmp_path: Path
) -> None:
    run = cluster.study(STUDIES[study], tmp_path)
    wait(lambda: any(3 <= done < EPOCHS - 5 for done in epochs_done(tmp_path, study)))
    victim = next(node for node in nodes if _trainers([node]))
    victim.kill()
    nodes.remove(victim)
    nodes.append(cluster.add_node())
    run.ends()
    assert_same_results(tmp_path, undisturbed, study)


def _trainers(nodes: list[Group]) -> list[int]:
    """The processes of trials of one worker, or of the workers of a nested run."""
    return [
        pid
        for node in nodes
        for pid, command in node.processes().items()
        if command.startswith(("ray::RayTrainWorker", "ray::ImplicitFunc"))
    ]
