"""The three tables: written file by file, read whole, and readable without this package."""

import logging
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.results import ResultsStore, kept_studies, open_study
from pckd.study.rows import config_columns
from pckd.study.schema import KEYS, SCHEMAS, VERSION
from pckd.training.config import RunConfig

TIME = datetime(2025, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
CONFIG = validate(
    RunConfig,
    {
        "data": {"name": "digits", "classes": [2, 0]},
        "student": "resnet8",
        "teacher": "resnet20",
        "preview": {"growth_rate": 1.1 + 0.2},
    },
    "run",
)
TRIAL: dict[str, Any] = {
    "study": "example",
    "trial": "0123456789ab",
    "case": "kd=0.3",
    "seed": 3,
    "status": "completed",
    "epochs_done": 8,
    "last_top1": 1 / 3,
    "started": TIME,
    **config_columns(CONFIG),
}
ROWS: dict[str, dict[str, Any]] = {
    "trials": TRIAL,
    "epochs": {
        "study": "example",
        "trial": "0123456789ab",
        "epoch": 1,
        "terms": [{"term": "kd", "weight": 0.5, "loss": 1e-300}],
    },
    "probes": {"probe": "0123", "data": "stl10", "seed": 0, "top1": 71.25, "updated": TIME},
}


@pytest.fixture
def store(tmp_path: Path) -> ResultsStore:
    return ResultsStore(Storage(tmp_path), "example")


@pytest.mark.parametrize("table", ROWS)
def test_a_row_comes_back_as_it_was(table: str, store: ResultsStore) -> None:
    name = str(ROWS[table][KEYS[table]])
    store.write(table, name, [ROWS[table]])
    found = store.find(table, name)
    assert found is not None
    assert {name: value for name, value in found.items() if value is not None} == ROWS[table]
    assert list(found) == SCHEMAS[table].names


def test_rows_hold_times_of_utc_and_nothing_for_numbers_that_are_none(store: ResultsStore) -> None:
    store.write("trials", TRIAL["trial"], [{**TRIAL, "last_top5": math.nan}])
    (row,) = store.rows("trials")
    assert {name: value for name, value in row.items() if value is not None} == TRIAL
    assert list(row) == SCHEMAS["trials"].names


@pytest.mark.parametrize("table", ROWS)
def test_a_table_is_all_its_files(table: str, store: ResultsStore) -> None:
    def rows(name: str, *seconds: float) -> list[dict[str, Any]]:
        return [{**ROWS[table], KEYS[table]: name, "seconds": each} for each in seconds]

    store.write(table, "one", rows("one", 1.5))
    store.write(table, "two", rows("two", 1.0, 2.0))
    store.write(table, "two", rows("two", 3.0, 4.0, 5.0))
    frame = store.read(table)
    assert frame["seconds"].tolist() == [1.5, 3.0, 4.0, 5.0]
    assert frame.columns.tolist() == SCHEMAS[table].names


@pytest.mark.parametrize("table", ROWS)
def test_a_table_without_files_has_its_columns(table: str, store: ResultsStore) -> None:
    assert (len(store.read(table)), list(store.read(table))) == (0, SCHEMAS[table].names)
    assert store.find(table, "one") is None
    assert not store.storage.exists(store.study)


def test_the_files_are_read_with_plain_pandas(tmp_path: Path, store: ResultsStore) -> None:
    store.write("trials", "one", [TRIAL])
    store.write("trials", "two", [{**TRIAL, "seed": 4}])
    frame = pd.read_parquet(tmp_path / "example" / "trials")
    assert frame["seed"].tolist() == [3, 4]
    assert frame["started"][0] == pd.Timestamp(TIME)
    assert frame["last_top1"][0] == 1 / 3
    assert (frame["config.preview.growth_rate"][0], list(frame["config.data.classes"][0])) == (
        1.1 + 0.2,
        [2, 0],
    )
    assert math.isnan(frame["test_top1"][0])


@pytest.mark.parametrize("table", ROWS)
def test_a_file_says_what_it_is(table: str, tmp_path: Path, store: ResultsStore) -> None:
    store.write(table, "one", [ROWS[table]])
    schema = pq.read_schema(tmp_path / "example" / table / "one.parquet")
    assert schema.metadata[b"pckd.table"] == table.encode()
    assert schema.metadata[b"pckd.version"] == str(VERSION).encode()
    assert all(entry.metadata[b"about"] for entry in schema)


def test_an_unknown_column_is_refused_and_nothing_written(store: ResultsStore) -> None:
    with pytest.raises(ValueError, match=r"trials has no columns \['accuracy'\]"):
        store.write("trials", "one", [TRIAL, {**TRIAL, "accuracy": 1.0}])
    assert not store.storage.exists(store.study)


def parquet(table: pa.Table, version: int = VERSION) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({"pckd.version": str(version)}), sink)
    return bytes(sink.getvalue().to_pybytes())


UNREADABLE = {
    "garbage": b"no Parquet",
    "empty": b"",
    "truncated": parquet(pa.table({"seed": [1]}))[:-9],
    "newer": parquet(pa.table({"seed": [1]}), VERSION + 1),
    "other types": parquet(pa.table({"seed": ["one"]})),
}


def test_epochs_of_version_1_are_read_with_their_terms(store: ResultsStore) -> None:
    """It had a column for each of PCKD's terms."""
    old = pa.table(
        {
            "study": ["example", "example"],
            "trial": ["0123456789ab"] * 2,
            "epoch": [1, 2],
            "loss_total": [3.0, 2.0],
            "loss_kd": [1.0, 0.5],
            "loss_center_contrast": pa.nulls(2, pa.float64()),
        }
    )
    store.storage.write("example/epochs/0123456789ab.parquet", parquet(old, version=1))
    frame = store.read("epochs")
    assert frame["loss_total"].tolist() == [3.0, 2.0]
    assert [list(terms) for terms in frame["terms"]] == [
        [{"term": "kd", "weight": None, "loss": loss}] for loss in (1.0, 0.5)
    ]


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_named_and_left_out(
    content: bytes, store: ResultsStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.write("trials", TRIAL["trial"], [TRIAL])
    store.storage.write("example/trials/bad.parquet", content)
    with caplog.at_level(logging.WARNING):
        assert store.read("trials")["trial"].tolist() == ["0123456789ab"]
        assert store.find("trials", "bad") is None
    assert len(caplog.records) == 2
    assert all("example/trials/bad.parquet" in record.message for record in caplog.records)


@pytest.mark.parametrize("table", [*ROWS, "verdicts", "plan"])
def test_a_file_counts_only_under_its_own_name(
    table: str, store: ResultsStore, caplog: pytest.LogCaptureFixture
) -> None:
    name = "plan" if table == "plan" else "0123"
    store.write(table, name, [{KEYS[table]: "0123"}])
    for copy in ("0123 (1)", "plan copy"):
        store.write(table, copy, [{KEYS[table]: "0123"}])
    with caplog.at_level(logging.WARNING):
        assert store.read_table(table)[KEYS[table]].to_pylist() == ["0123"]
    assert len(caplog.records) == 2
    assert all("does not have the name of its rows" in each.message for each in caplog.records)


def test_what_an_older_file_lacks_is_null_and_what_is_no_longer_known_is_left_out(
    store: ResultsStore, caplog: pytest.LogCaptureFixture
) -> None:
    old = pa.table({"dropped": ["x"], "trial": ["0123456789ab"], "seed": pa.array([1], pa.int32())})
    store.storage.write("example/trials/0123456789ab.parquet", parquet(old, version=0))
    frame = store.read("trials")
    assert frame.columns.tolist() == SCHEMAS["trials"].names
    assert (frame["trial"][0], frame["seed"][0]) == ("0123456789ab", 1)
    assert frame["config.preview.growth_rate"].isna().all()
    assert not caplog.records


def test_files_of_a_write_in_progress_and_others_are_not_read(store: ResultsStore) -> None:
    store.storage.write("example/trials/.one.parquet", b"half")
    store.storage.write("example/trials/notes.txt", b"text")
    assert store.read("trials").empty


def test_documents_come_back(store: ResultsStore) -> None:
    assert store.read_document("study.json") is None
    store.write_document("study.json", {"version": 1, "spec": {"seeds": [0, 1]}})
    assert store.read_document("study.json") == {"version": 1, "spec": {"seeds": [0, 1]}}


def test_a_study_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with pytest.raises(InputError, match=r"holds no study 'other'; it holds: none$"):
        open_study(storage, "other")
    ResultsStore(storage, "example").write("trials", "one", [TRIAL])
    (tmp_path / "images/train").mkdir(parents=True)
    for name in ("exampel", "images"):
        with pytest.raises(InputError, match=rf"holds no study '{name}'; it holds: example$"):
            open_study(storage, name)
    assert kept_studies(storage) == ["example"]
    assert open_study(storage, "example").study == "example"


def test_every_leaf_of_the_configuration_is_a_column() -> None:
    names = {name for name in SCHEMAS["trials"].names if name.startswith("config.")}
    left_out = {
        f"config.{key}"
        for key in ("data.root", "data.images_per_class", "data.image_size", "teacher.hash")
    }
    assert config_columns(CONFIG).keys() == names - left_out
