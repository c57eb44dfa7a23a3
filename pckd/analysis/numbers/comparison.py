"""Cases side by side: means over seeds, paired differences, the paper's numbers."""

from collections.abc import Hashable, Iterator
from math import inf, nan
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.paper import UNPUBLISHED, Metric, paper_accuracy, paper_scale, unpublished
from pckd.analysis.settings import setting
from pckd.analysis.statistics import mean_interval, paired_difference
from pckd.analysis.words import verdict

LEFT_OUT = "left out"
"""Verdict on a case that the pair is without."""

QUOTED = f"not run: {UNPUBLISHED}"
"""Verdict on a method of the paper's table that is no case."""

NOT_HERE = (LEFT_OUT, QUOTED)
"""Verdicts on rows without trials by intention."""

METRICS: tuple[Metric, ...] = ("top1", "top5")


def compare_cases(study: StudyResults) -> pd.DataFrame:
    """One row per pair and case, in the order of the study file, those without a result too.

    A case that the pair leaves out has a row without numbers, and the verdict `left out`. A method
    of the paper's table whose formula is not public has a last row with the paper's number.

    Accuracies are in percent, over completed trials, n of them.

    Returns:
        Columns pair, case, n; test_mean, test_low, test_high (last weights, 95% t-interval over
        seeds); selecting_last and selecting_best (means on the images that select); difference,
        difference_low, difference_high, difference_n (paired, to the pair's first case); verdict;
        paper and gap (NaN where there is nothing to compare with); test_top5, paper_top5 and
        gap_top5, the same for top-5 accuracy.
    """
    by_pair = study.trials.groupby("pair", sort=False)
    return pd.concat([_compared(study, *each) for each in by_pair], ignore_index=True)


def _compared(study: StudyResults, pair: Hashable, of_pair: pd.DataFrame) -> pd.DataFrame:
    """The rows of a pair, in the order of its cases."""
    first = of_pair[of_pair["position"] == of_pair["position"].iloc[0]]
    rows: list[dict[str, Any]] = [
        {
            "pair": pair,
            "case": case,
            "position": trials["position"].iloc[0],
            **_case_row(study, trials, first),
        }
        for case, trials in of_pair.groupby("case", sort=False)
    ]
    left_out = study.left_out[study.left_out["pair"] == pair]
    empty = left_out.assign(n=0, difference_n=0, verdict=LEFT_OUT).to_dict("records")
    table = pd.DataFrame([*rows, *empty, *_quoted(study, pair, of_pair)])
    return table.sort_values("position", kind="stable").drop(columns="position")


def _quoted(study: StudyResults, pair: Hashable, of_pair: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows of the paper's table whose formula is not public, for studies that list pairs."""
    teacher, student = (str(of_pair[name].iloc[0]) for name in ("teacher_model", "student_model"))
    quoted = unpublished(study.source, teacher, student) if pair else {}
    cases = set(of_pair["case"])
    for method, top1 in quoted.items():
        if method not in cases:
            row = {"pair": pair, "case": method, "position": inf, "n": 0, "difference_n": 0}
            yield {**row, "verdict": QUOTED, "paper": top1}


def compare_teachers(study: StudyResults) -> pd.DataFrame:
    """One row per teacher that was trained or imported, in the order of the pairs.

    Returns:
        Columns teacher, test, paper and gap (percent; NaN where there is nothing to compare with).
    """
    known = study.trials.dropna(subset="teacher_test_top1")
    rows = [
        _teacher_row(study, teacher, trials)
        for teacher, trials in known.groupby("teacher_model", sort=False)
    ]
    return pd.DataFrame(rows, columns=["teacher", "test", "paper", "gap"])


def _teacher_row(
    study: StudyResults, teacher: Hashable, trials: pd.DataFrame
) -> dict[Hashable, Any]:
    newest = trials.sort_values("updated").iloc[-1]
    found = paper_accuracy(study.source, "Teacher", str(teacher), str(newest["student_model"]))
    test, paper = float(newest["teacher_test_top1"]), nan if found is None else found
    gap = test - paper if same_task(study, trials) else nan
    return {"teacher": teacher, "test": test, "paper": paper, "gap": gap}


def _case_row(
    study: StudyResults, trials: pd.DataFrame, first: pd.DataFrame
) -> dict[str, float | int | str]:
    done = trials[trials["status"] == "completed"]
    test = mean_interval(done["test_top1"])
    row: dict[str, float | int | str] = {
        "n": test.count,
        "test_mean": test.mean,
        "test_low": test.low,
        "test_high": test.high,
        "selecting_last": mean_interval(done["last_top1"]).mean,
        "selecting_best": mean_interval(done["best_top1"]).mean,
    }
    return {**row, **_difference(trials, first), **_beside_paper(study, trials, done)}


def _beside_paper(
    study: StudyResults, trials: pd.DataFrame, done: pd.DataFrame
) -> dict[str, float]:
    """The paper's numbers, and how far ours lie from them where the task is the same."""
    top1, top5 = (case_paper(study, trials, metric) for metric in METRICS)
    comparable = same_task(study, trials)
    our_top1, our_top5 = (mean_interval(done[f"test_{name}"]).mean for name in METRICS)
    return {
        "paper": top1,
        "gap": our_top1 - top1 if comparable else nan,
        "test_top5": our_top5,
        "paper_top5": top5,
        "gap_top5": our_top5 - top5 if comparable else nan,
    }


def _difference(trials: pd.DataFrame, first: pd.DataFrame) -> dict[str, float | int | str]:
    reference = str(first["case"].iloc[0])
    if str(trials["case"].iloc[0]) == reference:
        nothing = dict.fromkeys(("difference", "difference_low", "difference_high"), nan)
        return {**nothing, "difference_n": 0, "verdict": "reference"}
    difference = paired_difference(completed_by_seed(trials), completed_by_seed(first))
    return {
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_n": difference.count,
        "verdict": verdict(difference),
    }


def completed_by_seed(trials: pd.DataFrame) -> "pd.Series[float]":
    """Test top-1 accuracy in percent of the completed trials, by seed."""
    done = trials[trials["status"] == "completed"]
    return done.groupby("seed")["test_top1"].mean()


def case_paper(study: StudyResults, trials: pd.DataFrame, metric: Metric = "top1") -> float:
    """The paper's accuracy for the case of some trials, in percent; NaN where it has none."""
    columns = ["case", "teacher_model", "student_model"]
    case, teacher, student = trials[columns].astype(object).replace(nan, None).iloc[0]
    found = paper_accuracy(study.source, case, teacher, student, metric)
    return nan if found is None else found


def same_task(study: StudyResults, trials: pd.DataFrame) -> bool:
    """Return whether the paper's data set was learnt with all its classes."""
    name, scale = paper_scale(study.source)
    is_same_data = setting(trials["settings"].iloc[0], "data.name") == name
    return is_same_data and bool((trials["num_classes"] == scale.classes).all())
