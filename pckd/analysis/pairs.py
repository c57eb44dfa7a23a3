"""Teacher-student pairs: which one a trial belongs to, and the students that several share."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pckd.analysis.settings import Settings, same, setting

PAIR_KEYS = ("teacher.model", "student")
TEACHER_TERMS = ("kd", "center_contrast", "feature_alignment", "center_alignment")
"""The terms of Eq. 8 that look at the teacher."""


def pair_changes(pair: Settings) -> dict[str, Any]:
    """What a pair of the study file changes in the run."""
    teacher = {} if pair["teacher"] is None else {"teacher.model": pair["teacher"]}
    return {**teacher, "student": pair["student"], **pair.get("changes", {})}


def pair_of(changes: Settings, spec: Settings) -> Settings | None:
    """The pair of the study file that a trial's changes name; None where there is none."""
    for pair in spec.get("pairs", ()):
        models = (pair["teacher"], pair["student"])
        if models == tuple(changes.get(key) for key in PAIR_KEYS) and all(
            key in changes and same(changes[key], value)
            for key, value in pair_changes(pair).items()
        ):
            return dict(pair)
    return None


def pair_name(models: Settings) -> str:
    """`wrn_40_2 -> wrn_16_2` with an arrow; a student without a teacher stands alone.

    Args:
        models: The teacher by the key teacher or teacher.model, and the student.
    """
    teacher = models.get("teacher.model", models.get("teacher"))
    student = str(models.get("student"))
    return f"{teacher} \N{RIGHTWARDS ARROW} {student}" if teacher else student


def own_changes(changes: Settings, spec: Settings) -> dict[str, Any]:
    """What a trial's case changes, without the teacher-student pair that multiplies it."""
    if not spec.get("pairs"):
        return dict(changes)
    pair = pair_of(changes, spec)
    hidden = {*PAIR_KEYS, *(pair_changes(pair) if pair else ())}
    return {key: value for key, value in changes.items() if key not in hidden}


def beside_every_teacher(rows: pd.DataFrame, spec: Settings) -> pd.DataFrame:
    """The rows, and those of students that learn without a teacher once more for each pair.

    Such a student is the same whatever teacher its pair names, so it is trained once; each pair is
    compared with it.

    Args:
        rows: Columns changes (JSON) and settings (dict), and any others.
        spec: The study file.
    """
    copies = [
        {
            **row,
            "changes": json.dumps({**changes, "teacher.model": pair["teacher"]}),
            "settings": _with_teacher(row["settings"], pair["teacher"]),
        }
        for row in rows.to_dict("records")
        if not any(setting(row["settings"], f"loss.{term}") for term in TEACHER_TERMS)
        for changes in [json.loads(row["changes"])]
        for pair in spec.get("pairs", ())
        if pair["student"] == changes.get("student")
        and pair["teacher"] not in (None, changes.get("teacher.model"))
    ]
    if not copies:
        return rows
    return pd.concat([rows, pd.DataFrame(copies).astype(rows.dtypes)], ignore_index=True)


def _with_teacher(settings: Settings, model: str) -> dict[str, Any]:
    teacher = settings.get("teacher")
    rest = teacher if isinstance(teacher, Mapping) else {}
    return {**settings, "teacher": {**rest, "model": model}}
