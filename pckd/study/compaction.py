"""Merging the small files of what has ended, so that large studies are read at once."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pckd.study.results import MERGED, ResultsStore
from pckd.study.schema import KEYS


def compact(store: ResultsStore) -> dict[str, int]:
    """Merge the files of ended trials and of probes, table by table.

    The merged file is complete before the small ones go, and while both are there each row is
    read once: a crash in between loses and doubles nothing. Trials that run keep their files.

    Returns:
        The number of files merged, by table.
    """
    trials = store.read_table("trials")
    running = trials.filter(pc.equal(trials["status"], "running"))["trial"].to_pylist()
    # Verdicts are few, and replaced whole: they stay as they are.
    keep = {"trials": set(running), "epochs": set(running), "probes": set()}
    return {table: _compact(store, table, keep[table]) for table in keep}


def _compact(store: ResultsStore, table: str, keep: set[str]) -> int:
    own, merged = store.file_names(table)
    going = [name for name in own if name not in keep] + merged
    if len(going) < 2:
        return 0
    rows = store.read_table(table)
    kept = pc.is_in(rows[KEYS[table]], pa.array(keep, pa.string()))
    ended = rows.filter(pc.invert(kept))
    there = set(pc.unique(ended[KEYS[table]]).to_pylist())
    store.write_table(table, f"{MERGED}{datetime.now(UTC):%Y%m%d%H%M%S%f}", ended)
    # A damaged file, whose rows were not read, stays where it is.
    gone = [name for name in going if name in there or store.is_readable(table, name)]
    for name in gone:
        store.storage.delete(store.path(table, name))
    return len(gone)
