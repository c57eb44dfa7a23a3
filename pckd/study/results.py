"""The results store: three long Parquet tables below ROOT/STUDY, written file by file."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.schema import SCHEMAS, VERSION

log = logging.getLogger(__name__)

Row = Mapping[str, Any]


class ResultsStore:
    """The tables of one study.

    A trial owns one file in `trials` and one in `epochs`, and replaces them whole: many trials
    write at once without a lock, and a reader sees each file old or new, never half.

    Args:
        storage: The results root.
        study: Name of the study.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self.storage = storage
        self.study = study

    def write(self, table: str, name: str, rows: Sequence[Row]) -> None:
        """Replace one file of a table.

        Args:
            table: trials, epochs or probes.
            name: The file's name, without its ending.
            rows: Columns that a row leaves out are null.

        Raises:
            ValueError: A row has a column that the table does not know.
        """
        schema = SCHEMAS[table]
        unknown = {key for row in rows for key in row} - set(schema.names)
        if unknown:
            raise ValueError(f"table {table} has no columns {sorted(unknown)}")
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema), sink)
        content = sink.getvalue().to_pybytes()
        self.storage.write(f"{self.study}/{table}/{name}.parquet", content)

    def read(self, table: str) -> pd.DataFrame:
        """All rows of a table; an empty frame with its columns where there are none.

        A damaged file, or one of a newer version, is named in a warning and left out.
        """
        folder = f"{self.study}/{table}"
        parts = [self._read_file(f"{folder}/{name}", table) for name in self._files(folder)]
        found = [part for part in parts if part is not None]
        merged = pa.concat_tables(found) if found else SCHEMAS[table].empty_table()
        frame: pd.DataFrame = merged.to_pandas()
        return frame

    def find(self, table: str, name: str) -> dict[str, Any] | None:
        """The first row of one file of a table; None where there is no readable file."""
        path = f"{self.study}/{table}/{name}.parquet"
        content = self._read_file(path, table) if self.storage.exists(path) else None
        return None if content is None else dict(content.slice(0, 1).to_pylist()[0])

    def exists(self) -> bool:
        """Whether the study has left anything below the root."""
        return self.storage.exists(self.study)

    def write_document(self, name: str, content: object) -> None:
        """Write a JSON file of the study, for example study.json."""
        text = json.dumps(content, indent=2) + "\n"
        self.storage.write(f"{self.study}/{name}", text.encode())

    def read_document(self, name: str) -> Any:  # noqa: ANN401
        """Read a JSON file of the study; None where there is none."""
        path = f"{self.study}/{name}"
        return json.loads(self.storage.read(path)) if self.storage.exists(path) else None

    def _files(self, folder: str) -> list[str]:
        return self.storage.names(folder, ".parquet")

    def _read_file(self, path: str, table: str) -> pa.Table | None:
        try:
            content = pq.read_table(pa.BufferReader(self.storage.read(path)))
        except (pa.ArrowException, OSError) as error:
            log.warning("%s is damaged and left out: %s", path, str(error).splitlines()[0])
            return None
        version = int((content.schema.metadata or {}).get(b"pckd.version", b"0"))
        if version > VERSION:
            log.warning("%s has schema %d, newer than %d, and is left out", path, version, VERSION)
            return None
        return _fitted(content, SCHEMAS[table])


def open_study(storage: Storage, study: str) -> ResultsStore:
    """The store of a study that exists.

    Raises:
        InputError: There is none of that name below the root; those that are there are named.
    """
    store = ResultsStore(storage, study)
    if not store.exists():
        known = ", ".join(storage.folders()) or "none"
        raise InputError(f"{storage.root} holds no study {study!r}; it holds: {known}")
    return store


def _fitted(content: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns: nulls where an older file lacks one."""
    columns = [
        content.column(entry.name).cast(entry.type)
        if entry.name in content.column_names
        else pa.nulls(len(content), entry.type)
        for entry in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
