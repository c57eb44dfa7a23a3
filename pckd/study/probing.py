"""The transfer stage of a study: which probes it consists of, and each of them, to one row."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import pandas as pd
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.results import ResultsStore, Row, open_study
from pckd.training.config import DataConfig
from pckd.training.identity import DIGITS
from pckd.training.network_file import TrainedNetwork
from pckd.training.teachers import FOLDER as TEACHERS
from pckd.training.teachers import TeacherStore
from pckd.transfer.probe import ProbeResult, probe
from pckd.transfer.protocols import ProbeStage, find_protocol
from pckd.transfer.target import open_target, target_content

Role = Literal["student", "teacher"]


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """One linear probe of one trained network of a study."""

    study: str
    trial: str
    """Identity of the run that trained the network."""
    role: Role
    network_path: str
    """Below the results root."""
    model: str
    case: str
    """Of the student's trial; empty for a teacher, which many cases share."""
    student_seed: int | None
    target: DataConfig
    protocol: str
    """Name, without its version."""
    seed: int
    """Of the probe."""

    @property
    def identity(self) -> str:
        """12 hexadecimal digits, the name of the row's file.

        From the network (a student's file is named by the identity of its trial, a teacher's by
        the hash of its weights), the target, the protocol with its version, and the seed.

        Raises:
            InputError: The protocol is not known.
        """
        content = {
            "network": PurePosixPath(self.network_path).stem,
            "target": target_content(self.target),
            "protocol": find_protocol(self.protocol).label,
            "seed": self.seed,
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def probe_tasks(storage: Storage, study: str, stage: ProbeStage) -> list[ProbeTask]:
    """All probes of a study: each completed student and each teacher, x targets x seeds.

    Probes of one network stand together, and of one target within these: features that were just
    computed serve the next seed.

    Raises:
        InputError: There is no such study, or one of its teachers is no longer in the store.
    """
    rows = _completed(open_study(storage, study).read("trials"))
    return [
        ProbeTask(
            study=study, **network._asdict(), target=target, protocol=stage.protocol, seed=seed
        )
        for network in (*_students(study, rows), *_teachers(storage, study, rows))
        for target in dict.fromkeys(stage.data)
        for seed in stage.seeds
    ]


def check_targets(stage: ProbeStage) -> None:
    """Open the target data sets, to find what is wrong with them before any training.

    Raises:
        InputError: A target is not there, is damaged, or cannot be selected from as asked.
    """
    for target in stage.data:
        open_target(target, None)


def missing_tasks(storage: Storage, tasks: Iterable[ProbeTask]) -> list[ProbeTask]:
    """The tasks without a readable row in the results."""
    return [
        task
        for task in tasks
        if ResultsStore(storage, task.study).find("probes", task.identity) is None
    ]


def run_probe(task: ProbeTask, storage: Storage, device: torch.device, threads: int) -> None:
    """Probe a network and write the row; nothing is written unless the probe ends well.

    Args:
        task: Of `probe_tasks`.
        storage: The results root.
        device: Where features are computed.
        threads: CPU threads to use, by torch and by scikit-learn.

    Raises:
        InputError: The network's file is gone or damaged, or the target does not suit.
        RunError: The fit did not converge, or diverged.
    """
    torch.set_num_threads(threads)
    network = _read_network(task, storage)
    with threadpool_limits(threads):
        result = probe(network, task.target, task.protocol, task.seed, device)
    ResultsStore(storage, task.study).write("probes", task.identity, [_row(task, result)])


class _TrainedBy(NamedTuple):
    """A network, as the fields of its tasks."""

    trial: str
    role: Role
    network_path: str
    model: str
    case: str
    student_seed: int | None


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """The completed trials, by the newest row of each."""
    newest = rows.sort_values("updated").drop_duplicates("trial", keep="last").sort_index()
    return newest[newest["status"] == "completed"]


def _students(study: str, rows: pd.DataFrame) -> Iterator[_TrainedBy]:
    for row in rows.to_dict("records"):
        path = f"{study}/networks/{row['trial']}.pt"
        model, case, seed = row["config.student"], row["case"], int(row["seed"])
        yield _TrainedBy(row["trial"], "student", path, model, case, seed)


def _teachers(storage: Storage, study: str, rows: pd.DataFrame) -> Iterator[_TrainedBy]:
    cards = {card.hash: card for card in TeacherStore(storage).cards()}
    for content in rows["teacher"].dropna().unique():
        if content not in cards:
            raise InputError(
                f"{storage.root} no longer holds the teacher {content} of study {study}"
            )
        card = cards[content]
        yield _TrainedBy(card.recipe, "teacher", f"{TEACHERS}/{content}.pt", card.model, "", None)


def _read_network(task: ProbeTask, storage: Storage) -> TrainedNetwork:
    try:
        content = storage.read(task.network_path)
    except FileNotFoundError:
        raise InputError(
            f"{storage.root} no longer holds {task.network_path}, the {task.role} to be probed"
        ) from None
    return TrainedNetwork.from_bytes(content, task.network_path)


def _row(task: ProbeTask, result: ProbeResult) -> Row:
    classes = task.target.classes
    return {
        "study": task.study,
        "probe": task.identity,
        "trial": task.trial,
        "role": task.role,
        "model": task.model,
        "case": task.case,
        "student_seed": task.student_seed,
        "data": task.target.name,
        "classes": None if classes is None else json.dumps(classes),
        "data_fingerprint": result.data_fingerprint,
        "protocol": find_protocol(task.protocol).label,
        "seed": task.seed,
        "top1": result.top1,
        "train_images": result.train_images,
        "test_images": result.test_images,
        "weight_decay": result.weight_decay,
        "seconds": result.seconds,
        "features_file": result.features_file,
        "updated": datetime.now(UTC),
    }
