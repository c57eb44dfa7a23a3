"""Plug-ins of a study reach the nodes of a cluster, or say on which they cannot be imported."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pckd.storage import Storage
from pckd.study.results import ResultsStore
from tests.cluster.nodes import Cluster, tiny

pytestmark = pytest.mark.faults

PLUGIN = Path(__file__).parents[1] / "plugin.py"


def study(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Four students of a plug-in, which learn from a teacher of it by a term of it."""
    values = tiny("mine", 1, plugins=["plugin.py"], seeds=[0, 1, 2, 3], **changes)
    taught = {"student": "thin", "teacher": {"model": "thin", "optimization": {"epochs": 1}}}
    return {**values, "run": {**values["run"], **taught, "loss": {"gap": 0.5}}}


def test_a_plugin_trains_on_every_node(cluster: Cluster, tmp_path: Path) -> None:
    nodes = [cluster.add_node(cpus=1) for _ in range(2)]
    shutil.copy(PLUGIN, cluster.folder)
    cluster.study(study(), tmp_path).ends()
    trials = ResultsStore(Storage(tmp_path), "mine").read("trials")
    assert trials["status"].tolist() == ["completed"] * 4
    cluster.study(study(study="spread", resources={"workers": 2}), tmp_path).ends()
    for node in nodes:
        node.kill()


def test_a_node_that_misses_something_is_named_before_anything_trains(
    cluster: Cluster, tmp_path: Path
) -> None:
    nodes = [cluster.add_node(cpus=1), cluster.add_node(cpus=1, LACKS="torsh")]
    check = 'import os\n\nif "LACKS" in os.environ:\n    import torsh\n'
    (cluster.folder / "plugin.py").write_text(f"{check}\n{PLUGIN.read_text()}")
    run = cluster.study(study(), tmp_path)
    assert run.process.wait(120) == 2
    sentence = (
        r"pckd: on node [\d.]+: plug-in plugin\.py \(line 4\) cannot be imported: "
        r"ModuleNotFoundError: No module named 'torsh'"
    )
    assert re.fullmatch(sentence, run.output.read_text().splitlines()[-1])
    assert not list(tmp_path.rglob("*.parquet"))
    for node in nodes:
        node.kill()
