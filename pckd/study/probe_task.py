"""One linear probe of a network in the results root, and its row."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.table_files import Row
from pckd.training.config import DataConfig
from pckd.training.identity import DIGITS
from pckd.training.network_file import TrainedNetwork
from pckd.transfer.frozen import seen_content
from pckd.transfer.probe import ProbeResult, probe
from pckd.transfer.protocols import find_protocol
from pckd.transfer.target import target_content

Role = Literal["student", "teacher", "network"]


@dataclass(frozen=True, slots=True)
class Probed:
    """A network to be probed."""

    trial: str
    """Identity of the run that trained it; the file's name of a foreign one."""
    role: Role
    """Role: `student` or `teacher` of a study; `network` if given as a file."""
    path: str
    """Path below the results root."""
    content: str
    """Content hash of the weights; retraining the same trial changes it."""
    model: str
    case: str = ""
    """Case of the student's trial; a teacher is shared by many cases."""
    student_seed: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """One linear probe."""

    study: str
    """Study whose table takes the row."""
    network: Probed
    target: DataConfig
    images: str
    """Fingerprint of the target's images, as the first network of the study sees them."""
    protocol: str
    """Name of the protocol, without its version."""
    seed: int
    """Seed of the probe."""

    @property
    def identity(self) -> str:
        """The probe's identity, 12 hexadecimal digits; also its file's name.

        From the network (whose trial and role tell it from another that came out the same), the
        target and its images, the protocol with its version, and the seed.

        Raises:
            InputError: The protocol is not known.
        """
        content = {
            "network": [self.network.trial, self.network.role, self.network.content],
            "target": target_content(self.target),
            "images": self.images,
            "protocol": find_protocol(self.protocol).label,
            "seed": self.seed,
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]

    def __str__(self) -> str:
        """Label of the probe for people."""
        network = self.network
        return f"{network.role} {network.trial} ({network.model}) on {self.target.name}"

    def run(self, storage: Storage, device: torch.device, threads: int) -> None:
        """Probe the network and write the row; nothing is written unless the probe ends well.

        Args:
            storage: The results root.
            device: Where features are computed.
            threads: CPU threads to use, by torch and by scikit-learn.

        Raises:
            InputError: The network's file is gone, damaged or of other weights than those that are
                to be probed; or the target does not suit.
            RunError: The fit did not converge, or diverged.
        """
        torch.set_num_threads(threads)
        network = read_probed(self.network, storage)
        _check_weights(self.network, network)
        with threadpool_limits(threads):
            result = probe(network, self.target, self.protocol, self.seed, device)
        ResultsStore(storage, self.study).write("probes", self.identity, [_row(self, result)])


def missing_tasks(storage: Storage, tasks: Iterable[ProbeTask]) -> list[ProbeTask]:
    """List the tasks that have no readable row in the results."""
    return [
        task
        for task in tasks
        if ResultsStore(storage, task.study).find("probes", task.identity) is None
    ]


def read_probed(network: Probed, storage: Storage) -> TrainedNetwork:
    """Load a network with its weights.

    Raises:
        InputError: Its file is gone or damaged.
    """
    try:
        content = storage.read(network.path)
    except FileNotFoundError:
        raise InputError(
            f"{storage.root} no longer holds {network.path}, the {network.role} to be probed"
        ) from None
    return TrainedNetwork.from_bytes(content, network.path)


def _check_weights(named: Probed, network: TrainedNetwork) -> None:
    """Refuse a file whose weights are not those that the row of the probe would name."""
    own = seen_content(network) if named.role == "network" else network.content_hash()
    if named.content not in (own, named.trial):  # rows of earlier versions name the trial only
        raise InputError(f"{named.path}: its weights are not those of {named.role} {named.trial}")


def _row(task: ProbeTask, result: ProbeResult) -> Row:
    classes = task.target.classes
    return {
        "study": task.study,
        "probe": task.identity,
        "trial": task.network.trial,
        "role": task.network.role,
        "model": task.network.model,
        "case": task.network.case,
        "student_seed": task.network.student_seed,
        "network": task.network.content,
        "data": task.target.name,
        "classes": None if classes is None else json.dumps(classes),
        "data_fingerprint": result.data_fingerprint,
        "protocol": find_protocol(task.protocol).label,
        "seed": task.seed,
        "top1": result.top1,
        "mean_average_precision": result.mean_average_precision,
        "train_images": result.train_images,
        "test_images": result.test_images,
        "weight_decay": result.weight_decay,
        "seconds": result.seconds,
        "features_file": result.features_file,
        "updated": datetime.now(UTC),
    }
