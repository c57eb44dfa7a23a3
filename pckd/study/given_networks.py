"""Networks probed without a study: files, kept in the reserved study `networks`."""

from pckd.storage import Storage
from pckd.study.names import NETWORKS
from pckd.study.paths import student_path
from pckd.study.probe_task import Probed
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.frozen import seen_content


def keep_network(network: TrainedNetwork, storage: Storage) -> Probed:
    """Keep a network below the results root, visible to every process and named by its content.

    Args:
        network: Trained here or elsewhere.
        storage: The results root.
    """
    content = seen_content(network)
    path = student_path(NETWORKS, content)
    if not storage.exists(path):
        storage.write(path, network.to_bytes())
    return Probed(network.trial, "network", path, content, network.model)
