"""Teachers of one recipe whose weights differ, because it was trained more than once."""

import json

import pandas as pd

DIGITS = 12
"""Digits of a content hash that are shown."""

ELSEWHERE = ("root", "download", "loader_workers")
"""Keys of the images that change no teacher."""


def mixed_teachers(rows: pd.DataFrame) -> list[str]:
    """A sentence for each recipe of a teacher whose students learned from different weights.

    Args:
        rows: Of the table `trials`.
    """
    taught = rows.dropna(subset=["teacher", "config"])
    recipes = pd.Series(map(_recipe, taught["config"]), index=taught.index, dtype=object)
    sentences = []
    for _, each in taught.groupby(recipes):
        hashes = [str(teacher)[:DIGITS] for teacher in each["teacher"].unique()]
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
    run = json.loads(config)
    images = {key: value for key, value in run["data"].items() if key not in ELSEWHERE}
    parts = [run.get(key) for key in ("teacher", "views", "protocol", "scale")]
    return json.dumps([images, *parts])
