"""Rows of the trials that a study plans now, without those of earlier plans, code or images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pckd.study.results import ResultsStore

if TYPE_CHECKING:
    import pandas as pd

OF_TRIALS = ("trials", "epochs", "probes")
"""Tables that keep rows of trials that are no longer planned."""

IS_PLANNED = "is_planned"
"""Column that says so of each row, where a table is printed or exported."""


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
    if planned is None:
        return rows, 0
    kept = [row for row in rows if row["trial"] in planned]
    return kept, len(rows) - len(kept)


def planned_frame(
    store: ResultsStore, table: Literal["trials", "epochs"] = "trials"
) -> "pd.DataFrame":
    """Read the rows of a table that belong to these trials, as a frame."""
    rows, planned = store.read(table), _planned(store)
    return rows if planned is None else rows[rows["trial"].isin(planned)].reset_index(drop=True)


def are_planned(store: ResultsStore, table: str, trials: Sequence[str | None]) -> list[bool | None]:
    """Say of each row of a table whether the plan names its trial.

    Args:
        store: The tables of a study.
        table: The rows are from it.
        trials: Of each row.

    Returns:
        None for rows of no trial, such as a teacher's probe, and for all where no plan was kept.
    """
    planned = _planned(store) if table in OF_TRIALS else None
    if planned is None:
        return [None] * len(trials)
    return [trial in planned if trial else None for trial in trials]


def rows_of_earlier(store: ResultsStore, table: str) -> int:
    """Count the rows of a table that are those of trials which the plan does not name."""
    if table not in OF_TRIALS:
        return 0
    return are_planned(store, table, store.read_table(table)["trial"].to_pylist()).count(False)


def _planned(store: ResultsStore) -> set[str] | None:
    """The identities that the plan of a study names; None where no plan was kept.

    The plan of a search that was changed names none before its first proposal.
    """
    if not any(store.file_names("plan")):
        return None
    return set(store.read_table("plan")["trial"].drop_null().to_pylist())
