"""Importance of the searched parameters."""

import pandas as pd

from pckd.analysis.describing import basis
from pckd.analysis.figures.importance import importance_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.budget import at_full_budget
from pckd.analysis.numbers.importance import FEWEST, RESAMPLES, importances, reason_against
from pckd.analysis.numbers.ranking import TOP_SHARE, configurations
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
    used = at_full_budget(ranked, study.epochs)
    title = f"Importance in {study.space}" if study.space else "Importance"
    reason = reason_against(used, searched)
    if reason:
        return Section(title, [Paragraph(f"Importances are left out: {reason}.")])
    found = importances(used, searched)
    name = study.part("importance")
    picture = Picture(name, _caption(study, used), importance_plot(found))
    return Section(title, [picture, _table(name, found)])


def _caption(study: StudyResults, used: pd.DataFrame) -> str:
    stopped = int((used["status"] == "stopped").sum())
    early = (
        f"; {stopped} of them were stopped early and count with the accuracy expected of them at "
        "the full budget, by straight lines from epoch to epoch through those that went on: a "
        "parameter that only slows learning has the effect here that it had where they stopped"
    )
    return (
        f"Importance of each parameter for the accuracy, from {len(used)} configurations"
        f"{early if stopped else ''}. fANOVA: share of the variance; "
        f"PED-ANOVA: share in what sets the best {TOP_SHARE:.0%} apart. Each method adds up to 1. "
        "Parameters searched on a log scale enter as logarithms. Lines: 95% bootstrap intervals "
        f"({RESAMPLES} resamples of the configurations). {basis(study, HELDOUT_ACCURACY)}"
    )


def _table(name: str, found: pd.DataFrame) -> Table:
    columns = {}
    for method, rows in found.groupby("method", sort=False):
        shown = rows["importance"].map(number)
        columns[f"{method}"] = shown.where(rows["count"] >= FEWEST, "too few").tolist()
        columns[f"{method}, 95% interval"] = list(map(bounds, rows["low"], rows["high"]))
    table = pd.DataFrame({"parameter": found["parameter"].unique(), **columns})
    caption = (
        "The numbers of the figure above. Too few: the parameter is active in fewer than "
        f"{FEWEST} configurations."
    )
    return Table(name, caption, found, table)
