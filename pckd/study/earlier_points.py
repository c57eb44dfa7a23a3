"""The configurations of a search that earlier runs of the study tried, from its results."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pckd.errors import InputError
from pckd.study.searched import Searched
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.study.trial import make_trial


def earlier_points(spec: StudySpec, searched: Searched, rows: pd.DataFrame) -> list[Point]:
    """List the configurations that belong to today's plan, oldest first.

    Args:
        spec: The study.
        searched: The search.
        rows: The study's table `trials`.
    """
    points: dict[str, Point] = {}
    for row in rows.sort_values("started").to_dict("records"):
        point = searched.point_in(_changes_of(row))
        if searched.search.allows(point) and _is_ours(row, spec, searched.changes(point)):
            points.setdefault(json.dumps(point, sort_keys=True), point)
    return list(points.values())[: searched.search.trials]


def _is_ours(row: Mapping[Any, Any], spec: StudySpec, changes: dict[str, Any]) -> bool:
    """Return whether today's configuration and code would produce this row."""
    if row["seed"] not in spec.seeds:
        return False
    try:
        trial = make_trial(spec, "earlier trial", changes, int(row["seed"]))
    except InputError:
        return False
    return bool(trial.identity == row["trial"])


def _changes_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the keys that a row's trial set; none if the row is damaged."""
    try:
        changes = json.loads(row["changes"])
    except (ValueError, TypeError, RecursionError):
        return {}
    return changes if isinstance(changes, dict) else {}
