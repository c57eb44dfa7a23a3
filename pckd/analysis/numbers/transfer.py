"""Linear probes: the accuracy of frozen networks on another data set."""

import json
from math import nan

import pandas as pd

from pckd.analysis.describing import classes_words
from pckd.analysis.loading import StudyResults
from pckd.analysis.paper import paper_accuracy, paper_scale
from pckd.analysis.settings import setting
from pckd.analysis.statistics import mean_interval

TOP1, MEAN_AP = "top-1 accuracy", "mean average precision"
"""Measures of a probe: the second if each image can show several classes."""

NETWORK = ["role", "model", "pair", "position", "case"]
TARGET = ["target", "data", "is_whole", "protocol", "measure"]

PAPER_TARGETS = {"stl10": 5_000, "tiny-imagenet": 100_000}
"""Training images of the paper's targets."""


def probe_points(study: StudyResults) -> pd.DataFrame:
    """One row per network and target: the mean over the probe's own seeds.

    Returns:
        Columns target (words), data (name), is_whole (all of its classes), protocol, measure, role,
        model, pair, position, case, trial, student_seed, train_images, test_images and value
        (percent, of the measure).
    """
    probes = study.probes
    several = probes["mean_average_precision"].notna()
    rows = probes.assign(
        target=[
            _target(str(data), classes)
            for data, classes in zip(probes["data"], probes["classes"], strict=True)
        ],
        case=probes["case"].mask(probes["role"] == "network", _files(probes)),
        is_whole=probes["classes"].isna(),
        measure=pd.Series(TOP1, probes.index).mask(several, MEAN_AP),
        value=probes["top1"].mask(several, probes["mean_average_precision"]).astype(float),
    )
    keys = [*TARGET, "train_images", "test_images", *NETWORK, "trial", "student_seed"]
    return rows.groupby(keys, dropna=False, sort=False)["value"].mean().reset_index()


def probe_summary(study: StudyResults, points: pd.DataFrame) -> pd.DataFrame:
    """Means over networks: the teacher first, then the cases in the order of the plan.

    Args:
        study: Where they come from.
        points: Of `probe_points`.

    Returns:
        Columns target, data, is_whole, protocol, measure, train_images, test_images, role, model,
        pair, position, case, n (networks), mean, low, high (percent, 95% t-interval over students),
        paper and gap (NaN where there is nothing to compare with).
    """
    keys = [*TARGET, "train_images", "test_images", *NETWORK]
    rows = []
    for values, of_group in points.groupby(keys, dropna=False, sort=False):
        interval = mean_interval(of_group["value"])
        row = dict(zip(keys, values, strict=True))
        numbers = {"n": interval.count, "mean": interval.mean}
        bounds = {"low": interval.low, "high": interval.high}
        rows.append(row | numbers | bounds | _beside_paper(study, row, interval.mean))
    frame = pd.DataFrame(rows, columns=[*keys, "n", "mean", "low", "high", "paper", "gap"])
    order = ["target", "train_images", "protocol", "role", "position"]
    ascending = [True, True, True, False, True]
    return frame.sort_values(order, ascending=ascending, kind="stable").reset_index(drop=True)


def has_plain_student(study: StudyResults) -> bool:
    """Return whether some case learns without a teacher, as a rival of distilled features."""
    return bool(study.completed["teacher"].isna().any())


def _beside_paper(study: StudyResults, row: dict[str, object], mean: float) -> dict[str, float]:
    """The paper's number, and how far ours is from it where the task is the same."""
    is_teacher = row["role"] == "teacher"
    found = paper_accuracy(
        study.source,
        "Teacher" if is_teacher else str(row["case"]),
        str(row["model"]) if is_teacher else _teacher_of(study),
        None if is_teacher else str(row["model"]),
        target=str(row["data"]),
    )
    if found is None or row["role"] == "network":
        return {"paper": nan, "gap": nan}
    same = bool(row["is_whole"]) and _learnt_all_classes(study)
    return {"paper": found, "gap": mean - found if same else nan}


def _teacher_of(study: StudyResults) -> str | None:
    """The architecture of the study's teachers; None where there are several, or none."""
    models = study.trials["teacher_model"].dropna().unique()
    return str(models[0]) if len(models) == 1 else None


def _learnt_all_classes(study: StudyResults) -> bool:
    name, scale = paper_scale(study.source)
    names = {setting(item, "data.name") for item in study.trials["settings"]}
    return names == {name} and bool((study.trials["num_classes"] == scale.classes).all())


def _files(probes: pd.DataFrame) -> "pd.Series[str]":
    """Given networks by the names of their files, of which several may have the same."""
    return probes["trial"] + " (" + probes["network"].fillna("").str[:6] + ")"


def _target(data: str, classes: object) -> str:
    if not isinstance(classes, str):
        return data
    kept = json.loads(classes)
    return f"{data} ({classes_words(kept)})" if kept else data
