"""Linear probes of the frozen students, the teacher beside them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pckd.analysis.describing import differences_from_paper, kept_epoch, scale_words
from pckd.analysis.figures.dots import DotPanel, DotRow, dot_plot
from pckd.analysis.figures.style import BLACK, BLUE, EMPHASIS, colour
from pckd.analysis.loading import DEFAULT_CASE, Kind, StudyResults
from pckd.analysis.numbers.ranking import configurations
from pckd.analysis.numbers.transfer import (
    MEAN_AP,
    PAPER_TARGETS,
    has_plain_student,
    probe_points,
    probe_summary,
)
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.statistics import Interval
from pckd.analysis.words import (
    MISSING,
    bounds,
    listing,
    number,
    numbers_range,
    signed,
    without_repeats,
)
from pckd.words import plural

ROWS_SHOWN = 12
"""Rows shown for a search and one target: the teacher and the best; the CSV file has all."""

GROUP = ["target", "train_images", "protocol"]
"""Networks that are compared with each other."""

Row = Mapping[Any, Any]


def transfer(study: StudyResults) -> Section | None:
    """Accuracy of a linear classifier on frozen features."""
    if study.probes.empty:
        nothing = "No linear probe has been done yet: they start when training is done."
        return Section("Transfer", [Paragraph(nothing)]) if study.spec.get("probe") else None
    points = probe_points(study)
    summary = _labelled(study, probe_summary(study, points))
    shown = summary
    parts: list[Part] = [Paragraph(text) for text in _in_words(study, summary)]
    if study.kind == "search":
        shown = summary.groupby(GROUP, sort=False).head(ROWS_SHOWN)
    if len(shown) < len(summary):
        left_out = plural(len(summary) - len(shown), "row")
        parts.append(Paragraph(f"Not shown here: {left_out} of the CSV file, the last ranked."))
    picture = _picture(study, shown, points)
    return Section("Transfer", [_table(study, summary, shown), *parts, picture])


def _in_words(study: StudyResults, summary: pd.DataFrame) -> list[str]:
    """Say what the table lacks, and how it differs from the paper's."""
    students = study.probes[study.probes["role"] == "student"]
    completed = study.completed["trial"].nunique()
    sentences = []
    if students["trial"].nunique() < completed:
        sentences.append(
            f"{students['trial'].nunique()} of {completed} trained students have been probed."
        )
    if len(students) and not has_plain_student(study):
        sentences.append(
            "This study has no plain student, trained with cross entropy alone, so the table "
            "cannot say what distillation adds to the features."
        )
    if (summary["measure"] == MEAN_AP).any():
        sentences.append(
            "Where images show several classes, the measure is the mean over classes of the "
            "average precision without interpolation, not the challenge's 11-point form."
        )
    return [*sentences, *_paper_words(study, summary)]


def _paper_words(study: StudyResults, summary: pd.DataFrame) -> list[str]:
    """Beside the paper's numbers: how far ours are from being the same experiment."""
    beside = summary[summary["paper"].notna()]
    if beside.empty:
        return []
    differences = differences_from_paper(study)
    for row in beside.drop_duplicates(GROUP).to_dict("records"):
        whole = PAPER_TARGETS[row["data"]]
        if row["train_images"] != whole:
            images = f"{row['train_images']:,} of {whole:,} training images"
            differences.append(f"target {row['target']}: {images}")
    protocols = listing(list(beside["protocol"].unique()))
    differences.append(f"the paper does not say how it fits its probe; here it is {protocols}")
    withheld = "" if beside["gap"].notna().all() else " No gap is given where classes are left out."
    return [
        f"Gap: ours minus the paper's ({study.source}). What differs: {'; '.join(differences)}."
        f"{withheld}"
    ]


def _labelled(study: StudyResults, summary: pd.DataFrame) -> pd.DataFrame:
    """With a column network; of a search, sorted by rank, which was fixed before any probe."""
    if study.kind != "search":
        return summary.assign(network=[_label(row) for row in summary.to_dict("records")])
    ranked = configurations(study)
    ranks = dict(zip(ranked["case"], ranked["rank"], strict=True))
    places = [ranks.get(case, 0) or len(ranks) + 1 for case in summary["case"]]
    labels = [
        f"rank {ranks[row['case']]}" if ranks.get(row["case"]) else _label(row)
        for row in summary.to_dict("records")
    ]
    is_student = summary["role"] == "student"
    ordered = summary.assign(network=labels, place=places, is_student=is_student)
    ordered = ordered.sort_values([*GROUP, "is_student", "place"], kind="stable")
    return ordered.drop(columns=["place", "is_student"]).reset_index(drop=True)


def _label(row: Row) -> str:
    if row["role"] == "teacher":
        return f"teacher, {row['model']}"
    if row["role"] == "network":
        return str(row["case"])
    return f"{row['case']}, {row['pair']}" if row["pair"] else str(row["case"])


def _table(study: StudyResults, summary: pd.DataFrame, rows: pd.DataFrame) -> Table:
    shown = pd.DataFrame(
        {
            "target": without_repeats(rows["target"].tolist()),
            "protocol": without_repeats(rows["protocol"].tolist()),
            "network": rows["network"],
            "model": rows["model"],
            "n": rows["n"].map(str),
            "measure": without_repeats(rows["measure"].tolist()),
            "test": rows["mean"].map(number),
            "95% interval": list(map(bounds, rows["low"], rows["high"])),
            "paper": rows["paper"].map(number),
            "gap to paper": rows["gap"].map(signed),
        }
    )
    hidden = [name for name in ("paper", "gap to paper") if (shown[name] == MISSING).all()]
    shown = shown.drop(columns=hidden)
    ranks = " Ranks are those of the search." if study.kind == "search" else ""
    caption = (
        "Linear probe on frozen features: its measure in percent on the target's test images, "
        f"mean over n networks (students of different seeds) with the 95% t-interval.{ranks} "
        f"{_setting(study)}"
    )
    return Table("probes", caption, summary.drop(columns="position"), shown)


def _picture(study: StudyResults, rows: pd.DataFrame, points: pd.DataFrame) -> Picture:
    groups = [
        DotPanel(
            f"{target}, protocol {protocol}",
            [_dots(row, points, study.kind) for row in of_target.to_dict("records")],
        )
        for (target, _, protocol), of_target in rows.groupby(GROUP, sort=False)
    ]
    measures = " or ".join(rows["measure"].unique())
    caption = (
        "Linear probe on frozen features: mean over students with the 95% t-interval, and each "
        f"student. {_setting(study)}"
    )
    return Picture("probes", caption, dot_plot(groups, f"{measures} of the probe (%)"))


def _dots(row: Row, points: pd.DataFrame, kind: Kind) -> DotRow:
    same = points["role"] == row["role"]
    for column in (*GROUP, "model"):
        same &= points[column] == row[column]
    if row["role"] == "network":
        same &= points["case"] == row["case"]
    elif row["role"] == "student":
        same &= (points["case"] == row["case"]) & (points["pair"] == row["pair"])
    interval = Interval(row["mean"], row["low"], row["high"], row["n"])
    return DotRow(row["network"], points.loc[same, "value"].tolist(), interval, _shade(row, kind))


def _shade(row: Row, kind: Kind) -> str:
    """Cases have the colours of the other figures; of the others, one stands out."""
    if row["role"] != "student":
        return BLACK
    if kind in ("search", "vary_one"):
        return EMPHASIS if row["network"] in ("rank 1", DEFAULT_CASE) else BLUE
    return colour(int(row["position"]))


def _setting(study: StudyResults) -> str:
    train = numbers_range(study.probes["train_images"])
    test = numbers_range(study.probes["test_images"])
    seeds = ", ".join(str(seed) for seed in sorted(study.probes["seed"].unique()))
    target = f"Target: {train} training and {test} test images; probe seeds {seeds}, averaged."
    if study.trials.empty:
        return target
    return (
        f"{target} Students were {scale_words(study)}, and have the weights of the "
        f"{kept_epoch(study)} epoch."
    )
