"""Merging of the small files of ended trials, so that large studies load fast."""

from collections.abc import Collection
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pckd.study.names import DONE
from pckd.study.results import ResultsStore
from pckd.study.schema import KEYS
from pckd.study.table_files import MERGED


def compact(store: ResultsStore) -> dict[str, int]:
    """Merge the files of trials that are done, and of probes, table by table.

    The merged file is complete before the small ones go, and while both are there each row is
    read once: a crash in between loses and doubles nothing. A trial that runs, or failed and may
    run again, keeps its files, since it may write them at any moment.

    Returns:
        The number of files merged, by table.
    """
    names = {table: _names(store, table) for table in ("trials", "epochs", "probes")}
    trials = store.read_table("trials")
    # The very rows that are merged say what is done: a trial may end meanwhile.
    done = set(trials.filter(pc.is_in(trials["status"], pa.array(DONE)))["trial"].to_pylist())
    # Verdicts are few, and replaced whole: they stay as they are.
    return {
        "trials": _merge(store, "trials", names["trials"], trials, done),
        "epochs": _merge(store, "epochs", names["epochs"], store.read_table("epochs"), done),
        "probes": _merge(store, "probes", names["probes"], store.read_table("probes"), None),
    }


def _names(store: ResultsStore, table: str) -> list[str]:
    own, merged = store.file_names(table)
    return [*own, *merged]


def _merge(
    store: ResultsStore, table: str, names: list[str], rows: pa.Table, done: Collection[str] | None
) -> int:
    """Merge the files of ended trials (for None, all files) with those merged before."""
    going = [name for name in names if done is None or name in done or name.startswith(MERGED)]
    if len(going) < 2:
        return 0
    staying = pa.array(sorted(set(names) - set(going)), pa.string())
    rows = rows.filter(pc.invert(pc.is_in(rows[KEYS[table]], staying)))
    there = set(pc.unique(rows[KEYS[table]]).to_pylist())
    store.write_table(table, f"{MERGED}{datetime.now(UTC):%Y%m%d%H%M%S%f}", rows)
    # A damaged file, whose rows were not read, stays where it is.
    gone = [name for name in going if name in there or store.is_readable(table, name)]
    for name in gone:
        store.storage.delete(store.path(table, name))
    return len(gone)
