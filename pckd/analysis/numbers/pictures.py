"""Choice of the networks that a study's pictures show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.epochs import example
from pckd.analysis.pictures import StudentPictures

MOST = 4
"""Students side by side; with the teacher five panels."""

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """A network, and what was kept of it."""

    label: str
    is_teacher: bool
    position: int
    """Position of the student's case in the plan."""
    centers: Matrix
    """[M, d]."""
    features: Matrix
    """[N, d]."""
    labels: NDArray[np.int64]
    """Labels of the features: [N]."""


def wanted_students(study: StudyResults) -> int:
    """Number of students that the study file asks to picture."""
    asked = study.spec.get("pictures") or {}
    return len(asked.get("cases") or study.spec.get("cases") or [None]) if asked else 0


def shown_students(study: StudyResults) -> list[StudentPictures]:
    """The students that the study file asks for, of the first one's pair and classes.

    Returns:
        Four at most, in the order of the plan.
    """
    students = [item for item in study.pictures.students if _is_asked_for(item, study)]
    same = [
        item
        for item in students
        if (item.pair, item.class_names) == (students[0].pair, students[0].class_names)
    ]
    return same[:MOST]


def networks(students: Sequence[StudentPictures]) -> list[LookedAt]:
    """Each teacher once, then the students.

    Returns:
        Teachers with equal centres count as one.
    """
    teachers: dict[bytes, LookedAt] = {}
    for item in students:
        if item.teacher:
            network = _looked_at(item, "teacher", f"teacher ({item.teacher})")
            teachers.setdefault(network.centers.tobytes(), network)
    return [*teachers.values(), *(_looked_at(item, "student", item.case) for item in students)]


def _looked_at(item: StudentPictures, role: str, label: str) -> LookedAt:
    arrays: Mapping[str, Any] = item.arrays
    return LookedAt(
        label=label,
        is_teacher=role == "teacher",
        position=item.position,
        centers=arrays[f"{role}_centers"],
        features=arrays[f"{role}_features"],
        labels=arrays["feature_labels"],
    )


def _is_asked_for(item: StudentPictures, study: StudyResults) -> bool:
    asked, seeds = study.spec["pictures"], study.spec["seeds"]
    if study.kind == "search":
        best = example(study)
        return best is not None and item.trial in best.trials
    seed = seeds[0] if asked.get("seed") is None else asked["seed"]
    return item.seed == seed and (not asked.get("cases") or item.case in asked["cases"])
