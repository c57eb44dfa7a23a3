"""`pckd results`."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pckd.analysis import exporting
from pckd.cli.main import main
from pckd.storage import Storage
from pckd.study.results import ResultsStore

Command = Callable[..., str]


@pytest.fixture
def _rows(command: Command) -> None:
    """A study of two trials in ./results."""
    store = ResultsStore(Storage("results"), "demo")
    for trial in ("a", "b"):
        store.write("trials", trial, [{"study": "demo", "trial": trial, "status": "completed"}])


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", ["new/trials.csv", "new/trials.parquet"])
def test_a_table_becomes_a_file_that_is_not_overwritten(command: Command, name: str) -> None:
    assert command("results", "export", "demo", name) == f"{name}\n"
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    assert read(name)["trial"].tolist() == ["a", "b"]
    Path(name).write_text("mine")
    refusal = command("results", "export", "demo", name, code=2)
    assert refusal == f"pckd: {name} is there already: --force overwrites it\n"
    assert Path(name).read_text() == "mine"
    command("results", "export", "demo", name, "--force")
    assert len(read(name)) == 2


@pytest.mark.usefixtures("_rows")
def test_verdicts_of_a_search_are_those_of_the_study_that_confirms_it(command: Command) -> None:
    row = {"study": "demo-confirm", "verdict": "01", "candidate": "PCKD", "name": "better"}
    ResultsStore(Storage("results"), "demo-confirm").write("verdicts", "01", [row])
    command("results", "export", "demo", "verdicts.csv", "--table", "verdicts")
    assert pd.read_csv("verdicts.csv")[["candidate", "name"]].to_numpy().tolist() == [
        ["PCKD", "better"]
    ]


@pytest.mark.usefixtures("_rows")
def test_a_file_that_comes_meanwhile_is_not_overwritten(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object) -> bytes:
        Path("trials.csv").write_text("of another process")
        return b"mine"

    monkeypatch.setattr(exporting, "export", export)
    command("results", "export", "demo", "trials.csv", code=2)
    assert Path("trials.csv").read_text() == "of another process"


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("table.doc",), "table.doc: the name must end in one of .csv, .parquet, .tex, .md"),
        ((), "name a file, or give --format csv, latex or markdown to print"),
        (("--format", "parquet"), "name a file, or give --format"),
        (("a.tex", "--table", "epochs"), "latex takes no table"),
        (("--to", "mlflow", "--format", "csv"), "--to takes no --format, --table or --force"),
    ],
)
def test_what_cannot_be_exported_is_said(
    command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in command("results", "export", "demo", *arguments, code=2)
    assert sorted(path.name for path in Path().iterdir()) == ["results"]


@pytest.mark.usefixtures("_rows")
def test_whole_numbers_stay_whole_beside_missing_ones(command: Command) -> None:
    store = ResultsStore(Storage("results"), "demo")
    store.write("trials", "c", [{"study": "demo", "trial": "c", "seed": 3, "best_epoch": 8}])
    rows = json.loads(command("results", "show", "demo", "--json"))
    assert [(row["seed"], row["best_epoch"]) for row in rows] == [(None, None)] * 2 + [(3, 8)]
    assert all(type(row["seed"]) in (int, type(None)) for row in rows)
    assert "3.0" not in command("results", "show", "demo")


@pytest.mark.usefixtures("_rows")
def test_what_pckd_keeps_itself_is_no_study(command: Command) -> None:
    Path("results/teachers").mkdir()
    assert [row["study"] for row in json.loads(command("study", "list", "--json"))] == ["demo"]


@pytest.mark.usefixtures("_rows")
def test_studies_are_listed_with_the_best_of_their_completed_trials(command: Command) -> None:
    store = ResultsStore(Storage("results"), "demo")
    for trial, status, top1 in (("c", "completed", 61.5), ("d", "stopped", 70.0)):
        row = {"study": "demo", "trial": trial, "status": status, "last_top1": top1}
        store.write("trials", trial, [row])
    (row,) = json.loads(command("study", "list", "--json"))
    assert row["best_last_top1"] == 61.5


@pytest.mark.usefixtures("_rows")
def test_text_is_printed_where_no_file_is_named(command: Command) -> None:
    lines = command("results", "export", "demo", "--format", "csv").splitlines()
    assert [line.split(",")[:2] for line in lines] == [
        ["study", "trial"],
        ["demo", "a"],
        ["demo", "b"],
    ]


@pytest.mark.usefixtures("_rows")
def test_rows_that_the_plan_does_not_name_are_counted(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "among these are rows of earlier plans, code or images (is_planned: False)"
    store = ResultsStore(Storage("results"), "demo")
    store.write(
        "epochs", "b", [{"study": "demo", "trial": "b", "epoch": epoch} for epoch in (1, 2)]
    )
    assert sentence not in command("results", "show", "demo")
    store.write("plan", "plan", [{"study": "demo", "trial": "a"}])
    assert command("results", "show", "demo").endswith(f"{sentence}: 1\n")
    assert command("results", "show", "demo", "epochs").endswith(f"{sentence}: 2\n")
    rows = json.loads(command("results", "show", "demo", "--json"))
    assert [(row["trial"], row["is_planned"]) for row in rows] == [("a", True), ("b", False)]
    assert "is_planned" not in command("results", "show", "demo", "plan", "--json")
    monkeypatch.setattr("sys.argv", ["pckd", "results", "export", "demo", "rows.csv"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == f"{sentence}: 1\n"
    assert pd.read_csv("rows.csv")["is_planned"].tolist() == [True, False]
