"""Rows of the trials that a study plans now, without those of earlier plans, code or images."""

from typing import TYPE_CHECKING, Any, Literal

from pckd.study.results import ResultsStore

if TYPE_CHECKING:
    import pandas as pd


def planned_rows(store: ResultsStore) -> tuple[list[dict[str, Any]], int]:
    """Read the rows of the table `trials` that the plan names.

    A trial whose images, code or settings changed has a new identity, which the plan names in place
    of the old one. Where no plan was kept, as of single runs and teachers, all rows count.

    Args:
        store: The tables of a study.

    Returns:
        The rows, and the number of those that are left out.
    """
    rows, planned = store.rows("trials"), _planned(store)
    if not planned:
        return rows, 0
    kept = [row for row in rows if row["trial"] in planned]
    return kept, len(rows) - len(kept)


def planned_frame(
    store: ResultsStore, table: Literal["trials", "epochs"] = "trials"
) -> "pd.DataFrame":
    """Read the rows of a table that belong to these trials, as a frame."""
    rows, planned = store.read(table), _planned(store)
    return rows[rows["trial"].isin(planned)].reset_index(drop=True) if planned else rows


def _planned(store: ResultsStore) -> set[str]:
    """The identities that the plan of a study names; none where no plan was kept."""
    return set(store.read_table("plan")["trial"].drop_null().to_pylist())
