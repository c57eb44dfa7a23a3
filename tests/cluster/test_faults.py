"""Faults of nodes that take minutes to test."""

from pathlib import Path

import pytest

from tests.cluster.killing import STUDIES, Nodes
from tests.cluster.nodes import assert_same_results

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("study", STUDIES)
def test_many_nodes_compute_what_one_does(
    study: str, nodes: Nodes, undisturbed: Path, tmp_path: Path
) -> None:
    nodes.cluster.study(STUDIES[study], tmp_path).ends()
    assert_same_results(tmp_path, undisturbed, study)
