"""Content of one student's file: category centres, features, the easiest and hardest images."""

import json
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pckd.data import listed
from pckd.errors import InputError
from pckd.near_misses import near_misses
from pckd.storage import Storage
from pckd.study.paths import network_path
from pckd.study.pictures.config import PictureStage
from pckd.study.pictures.file import Array, picture_path, write_pictures
from pckd.study.pictures.looking import evenly, example_arrays, look
from pckd.study.trial import Trial
from pckd.training.network_file import TrainedNetwork
from pckd.training.network_path import SUFFIX, kept_path
from pckd.training.run_data import RunData, prepare_data
from pckd.training.teachers import FOLDER as TEACHERS

CLASSES = 10
"""Number of classes with features, if the study file names none: as many as in the paper's Figure 8
[T].
"""


class PictureLabels(NamedTuple):
    """Map the class names of a stage to the labels of the run's data."""

    example: int
    features: list[int]


def picture_labels(stage: PictureStage, data: RunData) -> PictureLabels:
    """The labels of the classes that a stage names, or takes by default.

    Raises:
        InputError: A name is not that of a class, or the images have one class only.
    """
    names = data.class_names
    if len(names) < 2:
        raise InputError("pictures compare classes, but the images have one only")
    example = names[0] if stage.example_class is None else stage.example_class
    chosen = stage.feature_classes or [
        names[label] for label in evenly(len(names), CLASSES).tolist()
    ]
    return PictureLabels(
        example=_label("example_class", example, names),
        features=[_label("feature_classes", name, names) for name in chosen],
    )


def make_pictures(
    trial: Trial,
    teacher: str | None,
    stage: PictureStage,
    storage: Storage,
    device: torch.device,
    threads: int,
) -> None:
    """Look at a student, and at its teacher, and write the file; see `pckd.study.pictures.file`.

    Args:
        trial: The completed trial that trained the student.
        teacher: Content hash of its teacher; None without one.
        stage: What to keep.
        storage: The results root.
        device: Where the networks compute.
        threads: CPU threads to use.

    Raises:
        InputError: A network's file is gone or damaged, or the images are not there.
        RunError: A streamed image cannot be decoded.
    """
    torch.set_num_threads(threads)
    data = prepare_data(trial.config.data, trial.config.protocol)
    labels = picture_labels(stage, data)
    tested = data.test.at(_first_of_each(data.test.labels, labels.features, stage.feature_images))
    student = _load(storage, network_path(trial))
    networks = {"student": student.network(device)}
    if teacher is not None:
        networks["teacher"] = _load(storage, f"{TEACHERS}/{teacher}{SUFFIX}").network(device)
    arrays: dict[str, Array] = {
        "settings": np.array(json.dumps(stage.content())),
        "class_names": np.array(data.class_names),
        "student_network": np.array(student.content_hash()),
        "feature_labels": tested.labels.numpy(),
        **example_arrays(trial.config, networks["student"], data, labels.example, stage.examples),
    }
    for role, network in networks.items():
        arrays[f"{role}_centers"] = network.classifier_layer.weight.cpu().numpy()
        arrays[f"{role}_features"] = look(network, tested, data).features.numpy()
    write_pictures(storage, picture_path(trial.study, trial.identity), arrays)


def _first_of_each(labels: Tensor, chosen: list[int], most: int) -> Tensor:
    """The positions of the first images of each chosen class, class by class: int64 [N]."""
    return torch.cat([(labels == label).nonzero().flatten()[:most] for label in chosen])


def _label(key: str, name: str, names: tuple[str, ...]) -> int:
    if name in names:
        return names.index(name)
    near = near_misses(name, list(names))
    raise InputError(f"pictures.{key}: no class is named {name!r}{near}; classes: {listed(names)}")


def _load(storage: Storage, path: str) -> TrainedNetwork:
    path = kept_path(storage, path)
    try:
        return TrainedNetwork.from_bytes(storage.read(path), path)
    except FileNotFoundError:
        raise InputError(f"{storage.root} no longer holds {path}: pictures need it") from None
