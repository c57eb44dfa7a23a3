"""The results store: long Parquet tables below ROOT/STUDY, written file by file.

A trial owns one file in `trials` and one in `epochs`, a probe one in `probes`, named by its
identity, and replaces it whole: many processes write at once without a lock, and a reader sees
each file old or new, never half. A file under another name, such as a copy, does not count.
`pckd.study.compaction` merges files of what has ended.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pckd.data import listed
from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.schema import KEYS, SCHEMAS
from pckd.study.table_files import (
    MERGED,
    PassedOverError,
    Row,
    from_parquet,
    no_rows,
    to_parquet,
    to_rows,
    to_table,
)

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

READERS = 16
"""Number of files read side by side: on an object store, waiting takes most of the time."""


class ResultsStore:
    """The tables of one study.

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
            table: trials, epochs, probes or plan.
            name: The file's name, without its ending.
            rows: Columns that a row leaves out are null.

        Raises:
            ValueError: A row has a column that the table does not know.
        """
        self.write_table(table, name, to_table(table, rows))

    def write_table(self, table: str, name: str, content: pa.Table) -> None:
        """Replace one file of a table by rows that have its schema already."""
        self.storage.write(self.path(table, name), to_parquet(content))

    def read(self, table: str) -> "pd.DataFrame":
        """Read all rows of a table; an empty frame with its columns if there are none.

        A damaged file, one of a newer version, or one under another name than its rows have, is
        named in a warning and left out.
        """
        frame: pd.DataFrame = self.read_table(table).to_pandas()
        return frame

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Read all rows, as `read` does, as values of Python: fast, for it needs no pandas.

        None stands for what is missing, and for a number that is none.
        """
        return to_rows(table, self.read_table(table))

    def read_table(self, table: str) -> pa.Table:
        """Read all rows, as `read` does, as an Arrow table."""
        for _ in range(3):
            try:
                own, merged = self.file_names(table)
                parts = self._parts(table, [*own, *merged])
                return pa.concat_tables([no_rows(table), *parts])
            except FileNotFoundError:
                continue  # merged meanwhile: look again
        raise InputError(f"{self.study}/{table}: files come and go while they are read")

    def read_one(self, table: str, identity: str) -> "pd.DataFrame":
        """Read the rows of one trial or probe; none if there are none."""
        frame: pd.DataFrame = self._rows_of(table, identity).to_pandas()
        return frame

    def find(self, table: str, identity: str) -> dict[str, Any] | None:
        """Read the first row of one trial or probe; None if there is none."""
        rows = self._rows_of(table, identity).slice(0, 1).to_pylist()
        return dict(rows[0]) if rows else None

    def row(self, table: str, identity: str) -> dict[str, Any]:
        """Read the first row of one trial or probe.

        Raises:
            InputError: There is none, or its file is damaged.
        """
        found = self.find(table, identity)
        if found is None:
            raise InputError(f"{self.path(table, identity)} is gone or damaged")
        return found

    def trial_named(self, beginning: str) -> str:
        """The identity of the trial that begins so.

        Raises:
            InputError: There is none, or more than one.
        """
        known = [str(trial) for trial in self.read_table("trials")["trial"].to_pylist()]
        found = [trial for trial in known if trial.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{beginning!r} begins several trials of study {self.study}: {', '.join(found)}"
            )
        some = listed(known) or "none"
        raise InputError(f"{beginning!r} is no trial of study {self.study}; trials: {some}")

    def path(self, table: str, name: str) -> str:
        """Path of a table's file below the root."""
        return f"{self.study}/{table}/{name}.parquet"

    def is_readable(self, table: str, name: str) -> bool:
        """Return whether a table's file counts: undamaged, of a known version, under its name."""
        return self._read_file(table, name) is not None

    def file_names(self, table: str) -> tuple[list[str], list[str]]:
        """List the names of a table's own files, and of its merged files, newest first."""
        names = [
            name.removesuffix(".parquet")
            for name in self.storage.names(f"{self.study}/{table}", ".parquet")
        ]
        merged = [name for name in names if name.startswith(MERGED)]
        return [name for name in names if name not in merged], merged[::-1]

    def write_document(self, name: str, content: object) -> None:
        """Write a JSON file of the study, for example study.json."""
        text = json.dumps(content, indent=2) + "\n"
        self.storage.write(f"{self.study}/{name}", text.encode())

    def read_document(self, name: str) -> Any:  # noqa: ANN401
        """Read a JSON file of the study; None if there is none.

        Raises:
            InputError: It is damaged.
        """
        path = f"{self.study}/{name}"
        if not self.storage.exists(path):
            return None
        try:
            return json.loads(self.storage.read(path))
        except (ValueError, RecursionError):
            raise InputError(f"{path} is damaged and left alone: move it away to go on") from None

    def _rows_of(self, table: str, identity: str) -> pa.Table:
        try:
            own = self._read_file(table, identity)
        except FileNotFoundError:
            own = None
        if own is not None:
            return own
        _, merged = self.file_names(table)
        found = self._parts(table, merged)
        everything = pa.concat_tables([no_rows(table), *found])
        return everything.filter(pc.equal(everything[KEYS[table]], identity))

    def _parts(self, table: str, names: Sequence[str]) -> Iterator[pa.Table]:
        """Read the files in order; of rows that occur in several, keep the first file's."""
        seen = no_rows(table)[KEYS[table]]
        for name, content in zip(names, self._contents(table, names), strict=True):
            if content is None:
                continue
            keys = content[KEYS[table]]
            if name.startswith(MERGED):
                content = content.filter(pc.invert(pc.is_in(keys, seen)))
            seen = pa.chunked_array([*seen.chunks, *keys.chunks], keys.type)
            yield content

    def _contents(self, table: str, names: Sequence[str]) -> Iterator[pa.Table | None]:
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(lambda name: self._read_file(table, name), names)

    def _read_file(self, table: str, name: str) -> pa.Table | None:
        path = self.path(table, name)
        try:
            return from_parquet(table, name, self.storage.read(path))
        except PassedOverError as reason:
            log.warning("%s %s", path, reason)
            return None


def kept_studies(storage: Storage) -> list[str]:
    """Names of the folders below a results root that hold tables, or the file of a study."""
    return [folder for folder in storage.folders() if _is_kept(storage, folder)]


def _is_kept(storage: Storage, folder: str) -> bool:
    tables = SCHEMAS.keys() & set(storage.folders(folder))
    return bool(tables) or storage.exists(f"{folder}/study.json")


def open_study(storage: Storage, study: str) -> ResultsStore:
    """Open the store of an existing study.

    Raises:
        InputError: There is none of that name below the root; those that are there are named.
    """
    if study not in storage.folders() or not _is_kept(storage, study):
        known = ", ".join(kept_studies(storage)) or "none"
        raise InputError(f"{storage.root} holds no study {study!r}; it holds: {known}")
    return ResultsStore(storage, study)
