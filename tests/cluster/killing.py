"""Nodes that can be killed, and studies that run under them long enough."""

from collections.abc import Callable
from pathlib import Path

from tests.cluster.nodes import Cluster, Group, epochs_done, tiny, tiny_search

EPOCHS = 40
STUDIES = {
    "ddp": tiny("ddp", EPOCHS, resources={"workers": 2}),
    "search": tiny_search(EPOCHS, trials=4),
}


class Nodes:
    """Nodes of one CPU each: two workers never share one."""

    def __init__(self, cluster: Cluster, count: int) -> None:
        self.cluster = cluster
        self.groups = [cluster.add_node() for _ in range(count)]

    def replace(self, victim: Group) -> None:
        """Kill a node; a new one comes in its place."""
        victim.kill()
        self.groups.remove(victim)
        self.groups.append(self.cluster.add_node())

    def trainers(self, *only: Group) -> list[int]:
        """The processes, on all or only some nodes, of trials or of the workers of one."""
        return [
            pid
            for node in only or self.groups
            for pid, command in node.processes().items()
            if command.startswith(("ray::RayTrainWorker", "ray::ImplicitFunc"))
        ]


def under_way(root: Path, study: str) -> Callable[[], bool]:
    """Return whether some trial of a study is in the middle of its epochs."""
    return lambda: any(3 <= done < EPOCHS - 5 for done in epochs_done(root, study))
