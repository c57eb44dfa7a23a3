"""The best points of another study's search, to start a search from."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.planned_rows import planned_rows
from pckd.study.ranking import Ran, best_first, ran
from pckd.study.results import open_study
from pckd.study.search_config import SearchConfig
from pckd.study.space import Point


def carried_points(search: SearchConfig, storage: Storage) -> list[Point]:
    """The points that `from` names, the best first; none where it names no study.

    Their order is that of `pckd.study.ranking`. What the other study searched and this one does not
    is left out.

    Raises:
        InputError: There is no such study, or it has no point that lies in this space.
    """
    start = search.start_from
    if start is None:
        return []
    rows, _ = planned_rows(open_study(storage, start.study))
    points: list[Point] = []
    for changes in _ranked(rows):
        point = {key: value for key, value in changes.items() if key in search.parameters}
        if search.allows(point) and point not in points:
            points.append(point)
    if not points:
        raise InputError(
            f"search.from: study {start.study} has no completed configuration within this space: "
            f"{', '.join(search.parameters)}"
        )
    return points[: start.points]


def _ranked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The changes of the completed configurations, the best first."""
    trials: dict[str, list[Ran]] = defaultdict(list)
    for row in rows:
        trials[row["changes"]].append(ran(row))
    seeds = len({row["seed"] for row in rows})
    return [json.loads(changes) for changes in best_first(trials, seeds)]
