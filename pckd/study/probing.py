"""The transfer stage of a study: the list of its probes."""

from collections.abc import Iterator, Sequence

import pandas as pd

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.paths import student_path
from pckd.study.planned_rows import planned_frame
from pckd.study.probe_task import Probed, ProbeTask, read_probed
from pckd.study.results import open_study
from pckd.training.config import DataConfig
from pckd.training.network_path import kept_path
from pckd.training.teachers import TeacherStore
from pckd.transfer.frozen import shown_size
from pckd.transfer.protocols import find_protocol
from pckd.transfer.stage import ProbeStage
from pckd.transfer.target import open_target


def probe_tasks(storage: Storage, study: str, stage: ProbeStage) -> list[ProbeTask]:
    """List all probes of a study: each completed student and each teacher, x targets x seeds.

    Trials of earlier plans, code or images are left out.

    Raises:
        InputError: There is no such study, or one of its teachers is no longer in the store.
    """
    rows = planned_frame(open_study(storage, study))
    done = rows[rows["status"] == "completed"]
    networks = [*_students(storage, study, done), *_teachers(storage, study, done)]
    return tasks_of(study, networks, stage, storage)


def tasks_of(
    study: str, networks: Sequence[Probed], stage: ProbeStage, storage: Storage
) -> list[ProbeTask]:
    """List probes, grouped by network and then by target.

    The features that the first of them computes serve the others.

    Args:
        study: Whose table takes the rows.
        networks: What is probed.
        stage: Targets, protocol and seeds.
        storage: The results root, which holds the networks.

    Raises:
        InputError: The first network's file is gone, or a target cannot be opened.
    """
    if not networks:
        return []
    images = check_targets(stage, read_probed(networks[0], storage).image_size)
    return [
        ProbeTask(study, network, target, images[target], stage.protocol, seed)
        for network in networks
        for target in images
        for seed in stage.seeds
    ]


def check_targets(stage: ProbeStage, image_size: Sequence[int]) -> dict[DataConfig, str]:
    """Open the target data sets, to find what is wrong with them before any work starts.

    They are opened as the networks will see them, so that no image is decoded twice.

    Args:
        stage: The targets, and the protocol by which they are shown.
        image_size: Height and width of the images that the networks are trained on.

    Returns:
        The fingerprint of each target's images.

    Raises:
        InputError: A target is not there, is damaged, or cannot be selected from as asked; or
            the networks see oblong images.
    """
    showing = find_protocol(stage.protocol).showing
    return {
        target: open_target(target, showing.held_size(shown_size(image_size, target))).fingerprint
        for target in stage.data
    }


def _students(storage: Storage, study: str, rows: pd.DataFrame) -> Iterator[Probed]:
    # Rows of earlier versions do not say what the network's content is.
    for row in rows.assign(network=rows["network"].fillna(rows["trial"])).to_dict("records"):
        yield Probed(
            trial=row["trial"],
            role="student",
            path=kept_path(storage, student_path(study, row["trial"])),
            content=row["network"],
            model=row["config.student"],
            case=row["case"],
            student_seed=int(row["seed"]),
        )


def _teachers(storage: Storage, study: str, rows: pd.DataFrame) -> Iterator[Probed]:
    store = TeacherStore(storage)
    known = {card.hash for card in store.cards()}
    for row in rows.dropna(subset="teacher").drop_duplicates("teacher").to_dict("records"):
        content = row["teacher"]
        if content not in known:
            raise InputError(
                f"{storage.root} no longer holds the teacher {content} of study {study}"
            )
        card = store.named(content, row["config.data.name"], row["data_fingerprint"])
        yield Probed(card.recipe, "teacher", store.weights_path(card), content, card.model)
