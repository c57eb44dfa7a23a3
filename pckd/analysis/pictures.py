"""Pictures of students, read from their files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.pictures.file import Array, picture_path, read_pictures, shows


@dataclass(frozen=True, slots=True, eq=False)
class StudentPictures:
    """A student's picture file, with columns of its trial."""

    trial: str
    case: str
    position: int
    """Position of the case in the plan."""
    pair: str
    seed: int
    student: str
    """Architecture."""
    teacher: str
    """Architecture; empty without one."""
    arrays: Mapping[str, Array]
    """See `pckd.study.pictures.file.ARRAYS`."""

    @property
    def class_names(self) -> list[str]:
        """Names of all classes; the position is the label."""
        return [str(name) for name in self.arrays["class_names"]]


@dataclass(frozen=True, slots=True)
class StudyPictures:
    """Pictures of a study's students, as its file now asks for them."""

    students: Sequence[StudentPictures] = ()
    """In the order of the trials."""
    damaged: Sequence[str] = ()
    """Files that cannot be read, a sentence each."""
    outdated: int = 0
    """Files of earlier settings or students, left out."""


def load_pictures(
    storage: Storage, study: str, spec: Mapping[str, Any], trials: pd.DataFrame
) -> StudyPictures:
    """The files of a study's completed trials.

    Args:
        storage: The results root.
        study: Its name.
        spec: The study file.
        trials: Of `StudyResults`.
    """
    asked = spec.get("pictures")
    if not asked:
        return StudyPictures()
    there = set(storage.names(f"{study}/pictures", ".npz"))
    students, damaged, outdated = [], [], 0
    completed = trials[trials["status"] == "completed"].drop_duplicates("trial")
    for row in completed.to_dict("records"):
        path = picture_path(study, row["trial"])
        if path.rpartition("/")[2] not in there:
            continue
        try:
            arrays = read_pictures(storage, path)
        except InputError as error:
            damaged.append(str(error))
            continue
        made_with = json.loads(str(arrays["settings"]))
        has_settings = all(asked.get(key) == value for key, value in made_with.items())
        if has_settings and shows(arrays, row["network"]):
            students.append(_student(row, arrays))
        else:
            outdated += 1
    return StudyPictures(students, damaged, outdated)


def _student(row: Mapping[Any, Any], arrays: Mapping[str, Array]) -> StudentPictures:
    settings = row["settings"]
    return StudentPictures(
        trial=row["trial"],
        case=str(row["case"]),
        position=int(row["position"]),
        pair=row["pair"],
        seed=int(row["seed"]),
        student=settings["student"],
        teacher=settings["teacher"]["model"] if "teacher_centers" in arrays else "",
        arrays=arrays,
    )
