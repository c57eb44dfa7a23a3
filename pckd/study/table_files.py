"""One Parquet file of a result table: rows to bytes, and bytes to rows of today's schema."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pckd.files.parquet import DamagedParquetError, damage_named, open_parquet, read_columns
from pckd.study.schema import KEYS, SCHEMAS, TIME, VERSION
from pckd.study.upgrades import upgraded

EARLIER_PLAN = "from-study-file"
"""The file of a plan that was made from rows, whatever code they ran (`pckd.study.earlier_plan`);
the study's next run replaces it."""

MERGED = "compact-"
"""Prefix of the names of merged files."""

OF_A_PLAN = re.compile(rf"plan|{EARLIER_PLAN}|\d+")
"""Names of the files of a plan: the whole of it, and the proposals of a search by position."""

Row = Mapping[str, Any]


class PassedOverError(Exception):
    """A file whose rows do not count; the message says why."""


def to_table(table: str, rows: Sequence[Row]) -> pa.Table:
    """Convert rows to an Arrow table with a table's schema; missing columns are null.

    Raises:
        ValueError: A row has a column that the table does not know.
    """
    schema = SCHEMAS[table]
    unknown = {key for row in rows for key in row} - set(schema.names)
    if unknown:
        raise ValueError(f"table {table} has no columns {sorted(unknown)}")
    return pa.Table.from_pylist([dict(row) for row in rows], schema)


def to_parquet(content: pa.Table) -> bytes:
    """Encode an Arrow table as the content of a file."""
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink)
    return bytes(sink.getvalue().to_pybytes())


def from_parquet(table: str, name: str, data: bytes) -> pa.Table:
    """Decode the content of a file of a table, with the table's schema of today.

    Args:
        table: trials, epochs, probes, plan or verdicts.
        name: The file's name, without its ending.
        data: Its content.

    Raises:
        PassedOverError: The file is damaged, of a newer version, or does not have the name of
            its rows.
    """
    try:
        with damage_named():
            content = read_columns(open_parquet(pa.BufferReader(data)))
            version = int((content.schema.metadata or {}).get(b"pckd.version", b"0"))
            content = upgraded(table, content, version)
            fitted = None if version > VERSION else _fitted(content, SCHEMAS[table])
    except DamagedParquetError as error:
        raise PassedOverError(f"is damaged and left out: {error}") from error
    if fitted is None:
        raise PassedOverError(f"has schema {version}, newer than {VERSION}, and is left out")
    if not _bears_its_name(table, name, fitted):
        raise PassedOverError("does not have the name of its rows, as a copy, and is left out")
    return fitted


def no_rows(table: str) -> pa.Table:
    """A table without rows."""
    return pa.Table.from_batches([], SCHEMAS[table])  # pyarrow's empty_table() imports pandas


def to_rows(table: str, content: pa.Table) -> list[dict[str, Any]]:
    """Rows as values of Python, None for what is missing and for a number that is none."""
    naive = [
        field.with_type(pa.timestamp("us")) if field.type == TIME else field
        for field in SCHEMAS[table]
    ]  # pyarrow imports pandas for a time that has a zone
    rows = content.cast(pa.schema(naive)).to_pylist()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return None if value != value else value


def _bears_its_name(table: str, name: str, content: pa.Table) -> bool:
    """Return whether a file has a name that its rows give it, or that merged files have."""
    if table == "plan":
        return OF_A_PLAN.fullmatch(name) is not None
    # Compared as Python's values, because pyarrow imports pandas to compare with one.
    given = set(pc.unique(content[KEYS[table]]).to_pylist()) - {None}
    return name.startswith(MERGED) or given <= {name}


def _fitted(content: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give the table the schema's columns, null where an older file lacks one."""
    there = set(content.column_names)
    columns = [
        content.column(entry.name).cast(entry.type)
        if entry.name in there
        else pa.nulls(len(content), entry.type)
        for entry in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
