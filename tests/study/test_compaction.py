"""Merging small files: nothing lost, nothing doubled, running trials left alone."""

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pckd.storage import Storage
from pckd.study.compaction import compact
from pckd.study.results import ResultsStore
from pckd.study.table_files import MERGED


def _fill(store: ResultsStore, trials: range, status: str = "completed") -> None:
    for trial in trials:
        name = f"{trial:012d}"
        row = {"study": "s", "trial": name, "status": status, "last_top1": float(trial)}
        epochs = [{"study": "s", "trial": name, "epoch": epoch} for epoch in (1, 2)]
        store.write("trials", name, [row])
        store.write("epochs", name, epochs)
        store.write("probes", f"p{trial}", [{"probe": f"p{trial}", "trial": name}])


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> ResultsStore:
    store = ResultsStore(Storage(tmp_path), "s")
    _fill(store, range(5))
    _fill(store, range(5, 6), "running")
    return store


def _sorted(store: ResultsStore, table: str) -> pd.DataFrame:
    frame = store.read(table)
    order = [name for name in ("trial", "probe", "epoch") if name in frame]
    return frame.sort_values(order, ignore_index=True)


def test_the_rows_stay_the_same_in_fewer_files(store: ResultsStore) -> None:
    tables = ("trials", "epochs", "probes")
    before = {table: _sorted(store, table) for table in tables}
    assert compact(store) == {"trials": 5, "epochs": 5, "probes": 6}
    for table in tables:
        pd.testing.assert_frame_equal(_sorted(store, table), before[table])
    own, merged = store.file_names("trials")
    assert own == [f"{5:012d}"]
    assert len(merged) == 1
    assert compact(store) == {"trials": 0, "epochs": 0, "probes": 0}


def test_a_merged_trial_is_found_and_may_be_replaced(store: ResultsStore) -> None:
    compact(store)
    name = f"{2:012d}"
    found = store.find("trials", name)
    assert found is not None
    assert found["last_top1"] == 2.0
    assert len(store.read_one("epochs", name)) == 2
    store.write("trials", name, [{"trial": name, "status": "completed", "last_top1": 9.0}])
    rows = store.read("trials")
    assert rows.loc[rows["trial"] == name, "last_top1"].tolist() == [9.0]
    compact(store)
    rows = store.read("trials")
    assert rows.loc[rows["trial"] == name, "last_top1"].tolist() == [9.0]


def test_a_crash_before_the_small_files_go_doubles_nothing(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _sorted(store, "epochs")

    def crash(path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.storage, "delete", crash)
    with pytest.raises(KeyboardInterrupt):
        compact(store)
    monkeypatch.undo()
    assert len(store.read("trials")) == 6
    pd.testing.assert_frame_equal(_sorted(store, "epochs"), before)
    compact(store)
    pd.testing.assert_frame_equal(_sorted(store, "epochs"), before)


def test_a_damaged_file_is_left_where_it_is(store: ResultsStore) -> None:
    path = store.path("trials", f"{1:012d}")
    store.storage.write(path, b"damaged")
    compact(store)
    assert store.storage.read(path) == b"damaged"
    assert len(store.read("trials")) == 5
    assert all(name.startswith(MERGED) for name in store.file_names("trials")[1])


@pytest.mark.parametrize("table", ["trials", "epochs", "probes"])
def test_a_file_that_was_renamed_or_copied_is_left_where_it_is(
    table: str, store: ResultsStore
) -> None:
    own, _ = store.file_names(table)
    content = store.storage.read(store.path(table, own[1]))
    store.storage.write(store.path(table, "copy"), content)
    before = _sorted(store, table)
    compact(store)
    pd.testing.assert_frame_equal(_sorted(store, table), before)
    assert store.storage.read(store.path(table, "copy")) == content


def _end(store: ResultsStore, trial: str, status: str, epochs: int) -> None:
    rows = [{"trial": trial, "epoch": epoch} for epoch in range(1, epochs + 1)]
    store.write("epochs", trial, rows)
    store.write("trials", trial, [{"trial": trial, "status": status}])


def _meanwhile(store: ResultsStore, moment: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Let trials end and start before the file operation of that number; all are noted."""
    reached: list[str] = []

    def watch(name: str, do: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        reached.append(name)
        if len(reached) == moment + 1:
            patch.undo()
            _end(store, f"{2:012d}", "completed", 3)
            _end(store, f"{3:012d}", "running", 1)  # under --retry-failed
            _end(store, "new", "completed", 3)
        return do(*arguments)

    for name in ("names", "read", "write", "delete"):
        patch.setattr(store.storage, name, partial(watch, name, getattr(store.storage, name)))
    return reached


def test_a_trial_that_ends_or_starts_at_any_moment_of_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = dict.fromkeys([f"{number:012d}" for number in range(3)], "completed")
    for moment in count():
        store = ResultsStore(Storage(tmp_path / str(moment)), "s")
        _fill(store, range(2))
        _fill(store, range(2, 3), "running")
        _fill(store, range(3, 4), "failed")
        reached = _meanwhile(store, moment, monkeypatch)
        compact(store)
        if len(reached) <= moment:
            break
        trials = store.read("trials").set_index("trial")["status"].to_dict()
        assert trials == {**statuses, f"{3:012d}": "running", "new": "completed"}
        epochs = store.read("epochs").groupby("trial").size().tolist()
        assert epochs == [2, 2, 3, 1, 3]
    assert moment > 20
