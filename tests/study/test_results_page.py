"""The lines of docs/results.md, run as a reader of tables would, without this package."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from pckd.storage import Storage
from pckd.study.results import ResultsStore
from pckd.study.term_rows import term_rows

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
LOSSES: dict[str, dict[str, dict[str, Any]]] = {
    "kd": {"cross_entropy": {"weight": 0.1}, "kd": {"weight": 0.9, "temperature": 4.0}},
    "at": {"cross_entropy": {"weight": 1.0}, "kd": {"weight": 0.0}, "at": {"weight": 1e3, "p": 2}},
    "kd_standardised": {"kd": {"weight": 9.0, "standardise": True, "form": "paper"}},
}
"""The settings of the terms of three trials, one a method."""


@pytest.fixture(autouse=True)
def _demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ResultsStore(Storage(tmp_path / "results"), "demo")
    for number, (method, loss) in enumerate(LOSSES.items()):
        row = {"trial": method, "method": method, "test_top1": 60.0 + number}
        store.write("trials", method, [{**row, "terms": term_rows(loss)}])
        terms = [
            {"term": name, "weight": settings["weight"], "loss": float(number)}
            for name, settings in loss.items()
            if settings["weight"]
        ]
        rows = [{"trial": method, "epoch": epoch, "terms": terms} for epoch in (1, 2)]
        store.write("epochs", method, rows)
    store.write("plan", "plan", [{"trial": method} for method in LOSSES])
    monkeypatch.chdir(tmp_path)


def page_code(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition("## In one line")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)\n```", text, re.DOTALL)


def frames() -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Results of each line of pandas, and of the line of DuckDB below it."""
    names: dict[str, Any] = {}
    opening, *lines = page_code("python")
    exec(opening, names)
    database = duckdb.connect()
    return [
        (eval(line, names), database.execute(query).df())
        for line, query in zip(lines, page_code("sql"), strict=True)
    ]


def test_the_mean_of_each_method() -> None:
    ours, theirs = frames()[0]
    assert ours["mean"].to_dict() == {"at": 61.0, "kd": 60.0, "kd_standardised": 62.0}
    assert dict(zip(theirs.iloc[:, 0], theirs.iloc[:, 1], strict=True)) == ours["mean"].to_dict()


def test_each_parameter_of_each_trial_has_a_row() -> None:
    ours, theirs = frames()[1]
    expected = {
        (method, term, parameter, str(value).lower())
        for method, loss in LOSSES.items()
        for term, settings in loss.items()
        for parameter, value in settings.items()
        if settings["weight"]
    }
    columns = ["trial", "terms.term", "terms.parameter", "terms.text"]
    assert set(ours[columns].itertuples(index=False, name=None)) == expected
    short = [name.removeprefix("terms.") for name in columns]
    assert set(theirs[short].itertuples(index=False, name=None)) == expected
    numbers = ours.set_index(["trial", "terms.parameter"])["terms.value"]
    assert numbers["at", "p"].item() == 2.0
    assert pd.isna(numbers["kd_standardised", "form"].item())
    assert set(ours["terms.label"]) == {"CE", "KD", "AT"}


def test_each_term_of_each_epoch_has_a_row() -> None:
    ours, theirs = frames()[2]
    assert len(ours) == len(theirs) == 2 * (2 + 2 + 1)
    total = ours.groupby("trial").apply(lambda g: (g["terms.weight"] * g["terms.loss"]).sum())
    assert total.to_dict() == pytest.approx({"kd": 0.0, "at": 2 * 1001.0, "kd_standardised": 36.0})
    assert (theirs["weight"] * theirs["loss"]).sum() == pytest.approx(total.sum())
