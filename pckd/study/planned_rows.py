"""Rows of the trials that a study plans now, without those of earlier plans, code or images."""

import pandas as pd

from pckd.study.results import ResultsStore


def planned_rows(store: ResultsStore) -> tuple[pd.DataFrame, int]:
    """Read the table `trials` as far as the plan names its rows.

    A trial whose images, code or settings changed has a new identity, which the plan names in place
    of the old one. Where no plan was kept, as of single runs and teachers, all rows count.

    Args:
        store: The tables of a study.

    Returns:
        The rows, and the number of those that are left out.
    """
    rows, planned = store.read("trials"), store.read("plan")["trial"].dropna()
    if planned.empty:
        return rows, 0
    kept = rows[rows["trial"].isin(planned)]
    return kept, len(rows) - len(kept)
