"""Cases, a grid or a single run: the table of means, and its picture."""

import pandas as pd

from pckd.analysis.describing import (
    accuracy_words,
    basis,
    data_words,
    differences_from_paper,
    first_case,
    is_sequential,
    kept_epoch,
    kept_weights,
    selecting_images,
    unadjusted,
)
from pckd.analysis.figures.dots import DotPanel, DotRow, dot_plot
from pckd.analysis.figures.style import colour
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.comparison import NOT_HERE, compare_cases, compare_teachers
from pckd.analysis.paper import tables_of
from pckd.analysis.parts import Paragraph, Part, Picture, Section, Table
from pckd.analysis.statistics import mean_interval
from pckd.analysis.words import MISSING, bounds, listing, number, signed, unbroken, without_repeats

LAST = "last epoch"
"""Column: on the images that select."""


def comparison(study: StudyResults) -> Section | None:
    """Means over seeds with intervals, and what lies within noise."""
    if study.kind in ("vary_one", "search") or study.trials.empty:
        return None
    table = compare_cases(study)
    if not (table["n"] > 0).any():
        nothing = "No trial has completed, so there is no accuracy to compare."
        return Section("Accuracy", [Paragraph(nothing)])
    said = [] if is_sequential(study) else _in_words(table)
    sentences = [*said, *_paper_words(study, table)]
    parts: list[Part] = [_table(study, table), *map(Paragraph, sentences)]
    return Section("Accuracy", [*parts, *_teachers(study), _picture(study, table)])


def _table(study: StudyResults, table: pd.DataFrame) -> Table:
    images, tested = selecting_images(study), f"test, {kept_epoch(study)}"
    differences = map(bounds, table["difference_low"], table["difference_high"])
    shown = pd.DataFrame(
        {
            "pair": without_repeats([unbroken(pair) for pair in table["pair"]]),
            "case": table["case"],
            "n": table["n"].map(str).mask(table["verdict"].isin(NOT_HERE), MISSING),
            tested: table["test_mean"].map(number),
            "95% interval": list(map(bounds, table["test_low"], table["test_high"])),
            LAST: table["selecting_last"].map(number),
            f"best epoch ({images})": table["selecting_best"].map(number),
            "difference": table["difference"].map(signed),
            "95% interval of difference": list(differences),
            "in words": table["verdict"],
            "paper": table["paper"].map(number),
            "gap to paper": table["gap"].map(signed),
            "top-5": table["test_top5"].map(number),
            "paper, top-5": table["paper_top5"].map(number),
            "gap, top-5": table["gap_top5"].map(signed),
        }
    )
    if table["paper_top5"].isna().all():
        shown = shown.drop(columns="top-5")
    optional = ["pair", "paper", "gap to paper", "paper, top-5", "gap, top-5"]
    hidden = [name for name in optional if shown[name].isin([MISSING, ""]).all()]
    if shown[LAST].equals(shown[tested]):  # protocol paper: the same images
        hidden.append(LAST)
    if is_sequential(study):  # the verdicts say it
        hidden.append("in words")
    shown = shown.drop(columns=hidden).rename(columns=_headings(study, images))
    return Table("accuracy", _caption(study, images), table, shown)


def _headings(study: StudyResults, images: str) -> dict[str, str]:
    """The names of columns that depend on the study: no gap passes for one at full scale."""
    headings = {LAST: f"{LAST} ({images})"}
    if study.scale != "full":
        headings |= {
            "paper": "paper (full scale)",
            "paper, top-5": "paper, top-5 (full scale)",
            "gap to paper": f"gap of {study.scale} scale to paper",
            "gap, top-5": f"gap of {study.scale} scale, top-5",
        }
    return headings


def _caption(study: StudyResults, images: str) -> str:
    return (
        "Top-1 accuracy in percent, mean over n seeds with the 95% t-interval. Differences (test, "
        f"{kept_epoch(study)}) are paired by seed and taken from {first_case(study)}; their "
        f"intervals are {unadjusted(study, 'cases')}. Test: with the {kept_weights(study)}; best "
        f"epoch: the highest accuracy of all epochs on the {images} images, which flatters. "
        f"{basis(study, accuracy_words(study))}"
    )


def _teachers(study: StudyResults) -> list[Table]:
    """The teachers beside the paper's, where its table has them."""
    table = compare_teachers(study)
    if table["paper"].isna().all():
        return []
    shown = pd.DataFrame(
        {
            "teacher": table["teacher"],
            "test": table["test"].map(number),
            "paper": table["paper"].map(number),
            "gap to paper": table["gap"].map(signed),
        }
    )
    if table["gap"].isna().all():
        shown = shown.drop(columns="gap to paper")
    caption = (
        "Top-1 accuracy of the teachers on the test images in percent, one training of each, on "
        f"{data_words(study)}."
    )
    return [Table("teachers", caption, table, shown.rename(columns=_headings(study, "")))]


def _in_words(table: pd.DataFrame) -> list[str]:
    """One sentence a pair that lists what is beyond noise and what is not."""
    sentences = []
    for pair, rows in table.groupby("pair", sort=False):
        (reference,) = rows.loc[rows["verdict"] == "reference", "case"]
        others = rows[rows["case"] != reference]
        beyond = others[others["verdict"].str.contains("beyond", regex=False)]
        within = others.loc[others["verdict"] == "within noise", "case"]
        changes = map(_with_sign, beyond["case"], beyond["difference"])
        clauses = {
            "differ beyond noise": listing(list(changes)),
            "within noise": listing([str(case) for case in within]),
        }
        words = "; ".join(f"{name}: {cases}" for name, cases in clauses.items() if cases)
        where = f"{pair!s}, against" if pair else "Against"
        if words:
            sentences.append(f"{where} {reference}: {words}.")
    return sentences


def _with_sign(case: str, difference: float) -> str:
    return f"{case} ({signed(difference)})"


def _paper_words(study: StudyResults, table: pd.DataFrame) -> list[str]:
    """Beside the paper's numbers: how far ours are from being the same experiment."""
    if not tables_of(study.source):
        return []
    if table["paper"].isna().all():
        return [
            f"{study.source} has no number for these cases and this teacher and student, so none "
            "stands beside ours."
        ]
    differences = differences_from_paper(study)
    if not differences:
        return [f"Gap: ours minus the paper's ({study.source}), at the paper's own scale."]
    is_comparable = table["gap"].notna().any()
    start = (
        f"Gap: ours minus the paper's ({study.source}), at another scale than the paper's"
        if is_comparable
        else f"The paper's numbers ({study.source}) are for another task, so no gap is given"
    )
    return [f"{start}: {'; '.join(differences)}."]


def _picture(study: StudyResults, table: pd.DataFrame) -> Picture:
    gaps = table.set_index(["pair", "case"])["gap"]
    groups = [
        DotPanel(
            str(pair),
            [
                _row(trials, gaps[pair, case])
                for case, trials in of_pair.groupby("case", sort=False)
            ],
        )
        for pair, of_pair in study.trials.groupby("pair", sort=False)
    ]
    caption = (
        "Each case's mean over seeds with its 95% t-interval, and the seeds behind it. "
        f"{basis(study, accuracy_words(study))}"
    )
    return Picture(
        "accuracy", caption, dot_plot(groups, f"test top-1 accuracy, {kept_weights(study)} (%)")
    )


def _row(trials: pd.DataFrame, gap: float) -> DotRow:
    """A case; the paper's number where a gap to it is known."""
    top1 = trials.loc[trials["status"] == "completed", "test_top1"].dropna()
    first = trials.iloc[0]
    ours = mean_interval(top1)
    place = colour(first["position"])
    return DotRow(str(first["case"]), top1.tolist(), ours, place, ours.mean - gap)
