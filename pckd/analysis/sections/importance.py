"""Which of the searched parameters matter."""

import pandas as pd

from pckd.analysis.describing import basis
from pckd.analysis.figures.importance import importance_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.importance import FEWEST, RESAMPLES, importances, reason_against
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.parts import Paragraph, Picture, Section, Table
from pckd.analysis.search_space import parameters
from pckd.analysis.sections.search import HELDOUT_ACCURACY
from pckd.analysis.words import bounds, number


def importance(study: StudyResults) -> Section | None:
    """Importances by fANOVA and PED-ANOVA on equal-budget trials, or why they are left out."""
    if study.kind != "search" or study.trials.empty:
        return None
    ranked = configurations(study)
    searched = parameters(study.spec["search"], study.labels)
    reason = reason_against(ranked, searched)
    if reason:
        return Section("Importance", [Paragraph(f"Importances are left out: {reason}.")])
    count = len(completed(ranked))
    found = importances(ranked, searched)
    picture = Picture("importance", _caption(study, count), importance_plot(found))
    return Section("Importance", [picture, _table(found)])


def _caption(study: StudyResults, count: int) -> str:
    return (
        f"Importance of each parameter for the accuracy, from the {count} configurations that "
        "completed the full budget; stopped ones do not enter. fANOVA: share of the variance; "
        "PED-ANOVA: share in what sets the best 20% apart. Each method adds up to 1. Parameters "
        "searched on a log scale enter as logarithms. Lines: 95% bootstrap intervals "
        f"({RESAMPLES} resamples of the configurations). {basis(study, HELDOUT_ACCURACY)}"
    )


def _table(found: pd.DataFrame) -> Table:
    columns = {}
    for method, rows in found.groupby("method", sort=False):
        shown = rows["importance"].map(number)
        columns[f"{method}"] = shown.where(rows["count"] >= FEWEST, "too few").tolist()
        columns[f"{method}, 95% interval"] = list(map(bounds, rows["low"], rows["high"]))
    table = pd.DataFrame({"parameter": found["parameter"].unique(), **columns})
    caption = (
        "The numbers of the figure above. Too few: the parameter is active in fewer than "
        f"{FEWEST} completed configurations."
    )
    return Table("importance", caption, found, table)
