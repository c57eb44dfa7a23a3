"""Carried points: whether the best configurations of another study are among the best here too."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.ranking import TOP_SHARE, completed, top_count
from pckd.analysis.settings import short_key
from pckd.analysis.words import number
from pckd.words import plural


def carried_over(study: StudyResults, ranked: pd.DataFrame) -> str:
    """A sentence on the points that a search took over from another study; empty if it took none.

    They carried over if one of them is in the share of the completed configurations that the
    figures highlight as the best.

    Args:
        study: A search.
        ranked: Its configurations, as `configurations` gives them.
    """
    points = study.carried.get(study.space, ())
    if not points:
        return ""
    name = study.spec["search"]["start_from"]["study"]
    tried = ranked[[any(_is(row, point) for point in points) for _, row in ranked.iterrows()]]
    start = f"It started from {plural(len(points), 'point')} of study {name}."
    done, all_done = completed(tried), completed(ranked)
    if (tried["status"] == "running").any() or len(tried) < len(points):
        return f"{start} Not all of them were tried to their end."
    if done.empty:
        return f"{start} None of them completed here: its weights did not carry over."
    first = done.iloc[0]
    behind = all_done["heldout_mean"].iloc[0] - first["heldout_mean"]
    verdict = "carried over" if first["rank"] <= top_count(len(all_done)) else "did not carry over"
    gap = f", {number(behind)} points below the best" if behind > 0 else ""
    return (
        f"{start} The best of them is number {first['rank']} of the {len(all_done)} configurations "
        f"that completed here{gap}: its weights {verdict} (the best {TOP_SHARE:.0%} count)."
    )


def _is(row: "pd.Series[Any]", point: Mapping[str, Any]) -> bool:
    """Return whether a configuration has the values of a point."""
    return all(row[short_key(key)] == value for key, value in point.items())
