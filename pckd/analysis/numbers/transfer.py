"""Linear probes: the accuracy of frozen networks on another data set."""

import json

import pandas as pd

from pckd.analysis.describing import classes_words
from pckd.analysis.loading import StudyResults
from pckd.analysis.statistics import mean_interval

TARGET = ["data", "classes", "protocol"]


def probe_points(study: StudyResults) -> pd.DataFrame:
    """One row a network and target: the mean over the probe's own seeds.

    Returns:
        Columns target (words), protocol, role, model, pair, position, case, student_seed, top1.
    """
    rows = study.probes.assign(
        target=[
            _target(str(data), classes)
            for data, classes in zip(study.probes["data"], study.probes["classes"], strict=True)
        ]
    )
    keys = [
        "target",
        "protocol",
        "role",
        "model",
        "pair",
        "position",
        "case",
        "trial",
        "student_seed",
    ]
    return rows.groupby(keys, dropna=False, sort=False)["top1"].mean().reset_index()


def probe_summary(points: pd.DataFrame) -> pd.DataFrame:
    """Means over networks: the teacher first, then the cases in the order of the plan.

    Args:
        points: Of `probe_points`.

    Returns:
        Columns target, protocol, role, model, pair, position, case, n (networks), mean, low, high
        (percent, 95% t-interval over students).
    """
    keys = ["target", "protocol", "role", "model", "pair", "position", "case"]
    rows = []
    for values, of_group in points.groupby(keys, dropna=False, sort=False):
        interval = mean_interval(of_group["top1"])
        numbers = {"n": interval.count, "mean": interval.mean}
        bounds = {"low": interval.low, "high": interval.high}
        rows.append(dict(zip(keys, values, strict=True)) | numbers | bounds)
    frame = pd.DataFrame(rows, columns=[*keys, "n", "mean", "low", "high"])
    order = ["target", "protocol", "role", "position"]
    frame = frame.sort_values(order, ascending=[True, True, False, True], kind="stable")
    return frame.reset_index(drop=True)


def _target(data: str, classes: object) -> str:
    if not isinstance(classes, str):
        return data
    kept = json.loads(classes)
    return f"{data} ({classes_words(kept)})" if kept else data
