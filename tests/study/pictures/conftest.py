"""A small study on digits, trained: two students and the teacher of one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.pictures.stage import PictureTask, picture_tasks
from pckd.study.placement import Placement
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers, train_teacher
from pckd.training.network_file import TrainedNetwork
from tests.study.plans import fixed_trials

CPU = torch.device("cpu")
OFF = {"loss.center_contrast": 0, "loss.feature_alignment": 0, "loss.center_alignment": 0}
ONE_EPOCH = {"epochs": 1, "batch_size": 32}
SPEC: dict[str, Any] = {
    "study": "small",
    "run": {
        "data": {"name": "digits", "classes": [0, 1, 2, 3], "images_per_class": 24},
        "student": "resnet8",
        "teacher": {"model": "resnet14", "optimization": ONE_EPOCH},
        "optimization": ONE_EPOCH,
        "views": {"crop_padding": 1, "flip": False},
    },
    "cases": {"KD": OFF, "plain": {**OFF, "loss.kd": 0, "preview.strategy": "none"}},
    "seeds": [1, 0],
    "pictures": {"example_class": 2, "examples": 3, "feature_images": 4},
}


@dataclass
class Finished:
    """Files that the study has left."""

    storage: Storage
    spec: StudySpec

    def tasks(self, **changes: Any) -> list[PictureTask]:  # noqa: ANN401
        """The tasks with some keys of the stage changed."""
        return picture_tasks(self.asking(**changes), self.storage)

    def asking(self, **changes: Any) -> StudySpec:  # noqa: ANN401
        """The study with some keys of the stage changed."""
        return validate(StudySpec, {**SPEC, "pictures": {**SPEC["pictures"], **changes}}, "here")

    def file(self, path: str) -> Path:
        return Path(self.storage.full_path(path))

    def make(self, task: PictureTask) -> None:
        task.run(self.storage, CPU, threads=1)

    def network(self, path: str) -> TrainedNetwork:
        return TrainedNetwork.from_bytes(self.storage.read(path), path)


@pytest.fixture(scope="module", name="study")
def _study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCKD_CACHE", str(folder / "cache"))
        storage, placement = Storage(folder / "results"), Placement(CPU, 1)
        spec = validate(StudySpec, SPEC, "here")
        for teacher in missing_teachers(spec, storage):
            train_teacher(teacher, storage, placement)
        for trial in fixed_trials(spec):
            if trial.config.seed == 1:
                assert run_trial(trial, storage, placement) == "completed"
        yield Finished(storage, spec)
