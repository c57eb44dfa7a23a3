"""Cases side by side: means over seeds, paired differences, the paper's numbers."""

from math import nan

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.paper import PAPER_SCALES, paper_top1
from pckd.analysis.settings import Settings, setting
from pckd.analysis.statistics import mean_interval, paired_difference
from pckd.analysis.words import verdict


def compare_cases(study: StudyResults) -> pd.DataFrame:
    """One row a pair and case, in the order of the study file, those without a result too.

    Accuracies are in percent, over completed trials, n of them.

    Returns:
        Columns pair, case, n; test_mean, test_low, test_high (last weights, 95% t-interval over
        seeds); selecting_last and selecting_best (means on the images that select); difference,
        difference_low, difference_high, difference_n (paired, to the pair's first case); verdict;
        paper and gap (NaN where there is nothing to compare with).
    """
    rows = [
        {"pair": pair, "case": case, **_case_row(study, trials, first)}
        for pair, of_pair in study.trials.groupby("pair", sort=False)
        for first in [of_pair[of_pair["position"] == of_pair["position"].iloc[0]]]
        for case, trials in of_pair.groupby("case", sort=False)
    ]
    return pd.DataFrame(rows)


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
    paper = _paper(study, trials)
    comparable = _same_task(trials)
    return {
        **row,
        **_difference(trials, first),
        "paper": nan if paper is None else paper,
        "gap": test.mean - paper if paper is not None and comparable else nan,
    }


def _difference(trials: pd.DataFrame, first: pd.DataFrame) -> dict[str, float | int | str]:
    reference = str(first["case"].iloc[0])
    if str(trials["case"].iloc[0]) == reference:
        nothing = dict.fromkeys(("difference", "difference_low", "difference_high"), nan)
        return {**nothing, "difference_n": 0, "verdict": "reference"}
    difference = paired_difference(_by_seed(trials), _by_seed(first))
    return {
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_n": difference.count,
        "verdict": verdict(difference),
    }


def _by_seed(trials: pd.DataFrame) -> "pd.Series[float]":
    done = trials[trials["status"] == "completed"]
    return done.groupby("seed")["test_top1"].mean()


def _paper(study: StudyResults, trials: pd.DataFrame) -> float | None:
    settings: Settings = trials["settings"].iloc[0]
    case = str(trials["case"].iloc[0])
    teacher = setting(settings, "teacher.model")
    return paper_top1(study.source, case, teacher, str(settings["student"]))


def _same_task(trials: pd.DataFrame) -> bool:
    """Whether the paper's data set was learnt with all its classes."""
    scale = PAPER_SCALES.get(str(setting(trials["settings"].iloc[0], "data.name")))
    return scale is not None and bool((trials["num_classes"] == scale.classes).all())
