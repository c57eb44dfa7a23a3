"""Teachers of one recipe whose weights differ, because it was trained more than once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pckd.words import HASH_DIGITS


def mixed_teachers(rows: Iterable[Mapping[Any, Any]]) -> list[str]:
    """A sentence for each recipe of a teacher whose students learned from different weights.

    Args:
        rows: Of the table `trials`; those without a teacher, or a configuration, count for none.
    """
    taught = [  # pandas has NaN
        row for row in rows if isinstance(row["teacher"], str) and isinstance(row["config"], str)
    ]
    if len({row["teacher"] for row in taught}) < 2:
        return []
    recipes: dict[str, dict[str, None]] = defaultdict(dict)
    for row in taught:
        recipes[_recipe(row["config"])][row["teacher"][:HASH_DIGITS]] = None
    sentences = []
    for hashes in recipes.values():
        if len(hashes) > 1:
            sentences.append(
                f"Trials learned from {len(hashes)} teachers of one recipe "
                f"({' and '.join(hashes)}), as where it was trained again on another device: "
                "differences between them may stem from the teacher. Name one by teacher.hash, or "
                "run the study again with --fresh."
            )
    return sentences


def _recipe(config: str) -> str:
    """All settings that shape the weights of a run's teacher, as JSON."""
    from pckd.training.config import PLACE  # slow, and of no use where there is one teacher

    run = json.loads(config)
    images = {key: value for key, value in run["data"].items() if key not in PLACE}
    parts = [run.get(key) for key in ("teacher", "views", "protocol", "scale")]
    return json.dumps([images, *parts])
