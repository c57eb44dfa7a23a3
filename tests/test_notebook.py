"""The notebook of docs: its code runs and draws, and what it showed is kept in it."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot

NOTEBOOK = Path(__file__).parents[1] / "docs" / "figure.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_a_study_becomes_a_figure_in_twenty_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PCKD_CACHE", str(tmp_path / "cache"))
    log, names = logging.getLogger("pckd"), dict[str, Any]()
    with monkeypatch.context() as patch:
        patch.setattr(log, "level", log.level)
        for cell in CODE:
            exec(cell, names)
    shares: pd.DataFrame = names["shares"]
    assert shares.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert shares.sum(axis="columns").tolist() == pytest.approx([100] * 6)
    assert len(names["axes"].collections) == len(shares.columns) == 5
    pyplot.close("all")
    assert len([line for cell in CODE for line in cell.splitlines() if line]) <= 20


def test_the_pictures_are_kept() -> None:
    outputs = [output for cell in CELLS for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output["data"]}
    assert "image/png" in kinds
    assert len(outputs) == len(CODE) - 1  # training says nothing
