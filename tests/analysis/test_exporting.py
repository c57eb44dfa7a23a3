"""A study as CSV, Parquet, LaTeX and Markdown."""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from scipy import stats

from pckd.analysis.exporting import export
from pckd.analysis.latex import latex_text
from pckd.errors import InputError
from pckd.storage import Storage

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

KEPT = Path(__file__).parents[2] / "docs" / "results"
NewStudy = Callable[..., "StudyBuilder"]
CASES: dict[str, Any] = {
    "KD": {"loss.center_contrast": 0.0},
    "[50 %] λ_a & #1": {"loss.kd": 0.5},
    "PCKD": {},
}
TOP1 = {"KD": [70.0, 71.0, 72.0], "[50 %] λ_a & #1": [70.5, 72.0, 72.0], "PCKD": [74.0, 75.0, 79.0]}
SEARCH: dict[str, Any] = {
    "trials": 3,
    "parameters": {"loss.kd": {"low": 0.1, "high": 10.0, "log": True}},
}


@pytest.fixture
def study(new_study: NewStudy) -> "StudyBuilder":
    builder = new_study(cases=CASES, seeds=[0, 1, 2])
    for case, values in TOP1.items():
        for seed, top1 in enumerate(values):
            builder.trial(case, CASES[case], seed, top1)
    return builder


def exported(builder: "StudyBuilder", form: str, table: str | None = None) -> str:
    return export(builder.storage, "demo", form, table).decode()


def test_latex_has_best_and_second_the_paired_interval_and_n(study: "StudyBuilder") -> None:
    text = exported(study, "latex")
    half = float(stats.t.ppf(0.975, 2)) / 3**0.5  # of 70, 71, 72: standard deviation 1
    assert rf"KD & 71.00 $\pm$ {half:.2f} & - \\" in text
    differences = pd.Series([0.5, 1.0, 0.0])
    low, high = (
        0.5 + sign * float(stats.t.ppf(0.975, 2)) * differences.std() / 3**0.5 for sign in (-1, 1)
    )
    assert r"{[}50 \%] $\lambda$\_a \& \#1 & \underline{71.50 $\pm$" in text
    assert f"& +0.50 {{[}}$-${-low:.2f}, +{high:.2f}]" in text
    assert r"PCKD & \textbf{76.00 $\pm$" in text
    assert "n = 3." in text
    assert [line for line in text.splitlines() if "rule" in line] == [
        r"    \toprule",
        r"    \midrule",
        r"    \bottomrule",
    ]


def test_markdown_has_the_same(study: "StudyBuilder") -> None:
    lines = exported(study, "markdown").splitlines()
    assert lines[0] == "| case | top-1 (%) | difference |"
    assert lines[2].startswith("| KD | 71.00 ± ")
    assert lines[3].startswith("| [50 %] λ_a &amp; #1 | *71.50 ± ")
    assert lines[4].startswith("| PCKD | **76.00 ± ")


@pytest.fixture
def log_of_latex(tmp_path: Path) -> Callable[[str], str]:
    """Compiles a table and returns what LaTeX says."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")

    def compiled(table: str) -> str:
        document = (
            "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
            f"\\begin{{document}}\n{table}\\end{{document}}\n"
        )
        (tmp_path / "table.tex").write_text(document, encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout
        assert (tmp_path / "table.pdf").stat().st_size > 5000
        return result.stdout

    return compiled


def test_latex_compiles(study: "StudyBuilder", log_of_latex: Callable[[str], str]) -> None:
    assert "Overfull" not in log_of_latex(exported(study, "latex"))


def test_every_greek_letter_compiles(log_of_latex: Callable[[str], str]) -> None:
    letters = map(chr, [*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)])
    text = latex_text("".join(letter for letter in letters if letter.isalpha()))
    assert "Missing character" not in log_of_latex(text)


def test_a_search_of_many_keys_stays_on_the_page(
    new_study: NewStudy, log_of_latex: Callable[[str], str]
) -> None:
    terms = ("kd", "center_contrast", "feature_alignment", "center_alignment")
    keys = [f"loss.{term}" for term in terms]
    bounds = {"low": 0.1, "high": 10.0, "log": True}
    search = {**SEARCH, "parameters": dict.fromkeys(keys, bounds)}
    builder = new_study(search=search, seeds=[0, 1])
    for value in (0.5, 2.0):
        for seed in (0, 1):
            builder.trial(f"all={value}", dict.fromkeys(keys, value), seed, 61.0 + value + seed)
    text = exported(builder, "latex")
    assert "loss.center\\_contrast & loss.feature\\_alignment" in text
    assert "Overfull" not in log_of_latex(text)


def test_where_each_case_has_keys_of_its_own_they_share_a_column(
    log_of_latex: Callable[[str], str],
) -> None:
    text = export(Storage(KEPT), "answer", "latex").decode()
    assert r"rank & case & configuration & top-1 (\%) \\" in text
    assert r"& AB & \raggedright loss.kd=1, loss.kd.temperature=4 & \textbf{" in text
    assert "full" not in log_of_latex(text)  # neither Overfull nor Underfull


def test_every_sign_of_latex_is_escaped() -> None:
    text = "".join(map(chr, range(32, 127)))
    assert not re.search(r"(?<!\\)[&%$#_]", latex_text(text))
    assert latex_text(
        "a\\b ~ ^ β"
    ) == r"a\textbackslash{}b \textasciitilde{} \textasciicircum{} " + (r"$\beta$")


def test_signs_that_fonts_join_or_replace_print_as_typed() -> None:
    assert latex_text("a-b --c ---") == r"a-b -\kern0pt -c -\kern0pt -\kern0pt -"
    assert latex_text("λΛ≤Δ") == r"$\lambda$$\Lambda$$\leq$$\Delta$"
    assert latex_text("Ας") == r"$\mathrm{A}$$\varsigma$"
    assert latex_text("x,,y") == r"x,\kern0pt ,y"
    assert latex_text('"') == r"\texttt{\char34}"
    assert latex_text("`'|") == r"\textasciigrave{}\textquotesingle{}\textbar{}"


def test_pairs_are_ranked_apart_and_equal_numbers_share_a_place(new_study: NewStudy) -> None:
    pairs = [{"teacher": "resnet20", "student": name} for name in ("resnet8", "resnet14")]
    builder = new_study(cases=CASES, pairs=pairs, seeds=[0])
    for base, pair in zip((50.0, 80.0), pairs, strict=True):
        for case, more in zip(CASES, (1.001, 0.0, 0.999), strict=True):
            builder.trial(case, {**pair, **CASES[case]}, 0, base + more)
    text = exported(builder, "latex")
    assert text.count(r"\midrule") == 2
    assert text.count(r"\textbf{51.00}") == text.count(r"\textbf{81.00}") == 2
    assert text.count(r"\underline{50.00}") == text.count(r"\underline{80.00}") == 1


def test_a_search_lists_its_completed_configurations(new_study: NewStudy) -> None:
    builder = new_study(search=SEARCH, seeds=[0])
    for kd, top1, status in (
        (0.5, 61.0, "completed"),
        (2.0, 71.0, "completed"),
        (3.0, 81.0, "stopped"),
    ):
        builder.trial(f"kd={kd}", {"loss.kd": kd}, 0, top1, status)
    lines = exported(builder, "markdown").splitlines()
    assert lines[0] == "| rank | loss.kd | top-1 (%) |"
    assert lines[2:4] == ["| 1 | 2 | **70.00** |", "| 2 | 0.5 | *60.00* |"]


def test_rows_go_to_csv_and_parquet_whole(study: "StudyBuilder") -> None:
    for table in ("trials", "epochs"):
        rows = study.store.read(table)
        written = pd.read_parquet(io.BytesIO(export(study.storage, "demo", "parquet", table)))
        assert written.pop("is_planned").all()
        pd.testing.assert_frame_equal(written, rows)
        text = pd.read_csv(io.StringIO(exported(study, "csv", table)))
        assert len(text) == len(rows)
        assert list(text.columns) == [*rows.columns, "is_planned"]
    assert json.loads(text["terms"][0])[0]["term"] == "cross_entropy"


def test_a_study_without_results_is_refused(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0])
    builder.trial("KD", CASES["KD"], 0, status="running")
    with pytest.raises(InputError, match="study demo: no trial is done, so there is no table yet"):
        exported(builder, "latex")


def test_a_summary_takes_no_table(study: "StudyBuilder") -> None:
    with pytest.raises(InputError, match="latex takes no table"):
        exported(study, "latex", "epochs")
