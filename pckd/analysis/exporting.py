"""A study's numbers as one file: a table of the store, or the summary for a paper."""

import json
from collections.abc import Callable, Mapping
from pathlib import PurePath

import pandas as pd
import pyarrow as pa

from pckd.analysis.latex import latex_table
from pckd.analysis.loading import load_study
from pckd.analysis.markdown import summary_text
from pckd.analysis.summary import Summary, summarise
from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.planned_rows import IS_PLANNED, OF_TRIALS, are_planned
from pckd.study.results import ResultsStore, open_study
from pckd.study.table_files import to_parquet


def all_rows(store: ResultsStore, table: str) -> pa.Table:
    """A whole table; where it keeps rows of earlier plans, a column says so of each row."""
    content = store.read_table(table)
    if table not in OF_TRIALS:
        return content
    said = are_planned(store, table, content["trial"].to_pylist())
    return content.append_column(IS_PLANNED, pa.array(said, pa.bool_()))


def csv_rows(store: ResultsStore, table: str) -> bytes:
    """A whole table as CSV; lists are written as JSON."""
    content = all_rows(store, table)
    nested = {
        entry.name: [value and json.dumps(value) for value in content[entry.name].to_pylist()]
        for entry in content.schema
        if pa.types.is_nested(entry.type)
    }
    frame: pd.DataFrame = content.to_pandas().assign(**nested)
    return frame.to_csv(index=False).encode()


def parquet_rows(store: ResultsStore, table: str) -> bytes:
    """A whole table as one Parquet file, with the types of the store."""
    return to_parquet(all_rows(store, table))


ROWS: Mapping[str, Callable[[ResultsStore, str], bytes]] = {
    "csv": csv_rows,
    "parquet": parquet_rows,
}
"""Formats of all rows of a table."""

SUMMARIES: Mapping[str, Callable[[Summary], str]] = {
    "latex": latex_table,
    "markdown": summary_text,
}
"""Formats of the summary."""

ENDINGS = {".csv": "csv", ".parquet": "parquet", ".tex": "latex", ".md": "markdown"}
"""The formats by the ending of a file's name."""


def format_of(path: PurePath) -> str:
    """The format that a file's name asks for.

    Raises:
        InputError: Its ending is none of `ENDINGS`.
    """
    if path.suffix not in ENDINGS:
        allowed = ", ".join(ENDINGS)
        raise InputError(f"{path}: the name must end in one of {allowed}, or give --format")
    return ENDINGS[path.suffix]


def export(storage: Storage, study: str, form: str, table: str | None = None) -> bytes:
    """The content of a file with a study's numbers.

    Args:
        storage: The results root.
        study: Name of the study.
        form: csv, parquet, latex or markdown.
        table: Of the store, for csv and parquet; `trials` by default.

    Raises:
        InputError: There is no such study, it has nothing to show yet, or a table is named for a
            format that takes none.
    """
    if form in ROWS:
        return ROWS[form](open_study(storage, study), table or "trials")
    if table is not None:
        raise InputError(f"{form} takes no table: it writes the means of the cases")
    return SUMMARIES[form](summarise(load_study(storage, study))).encode()
