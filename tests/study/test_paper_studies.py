"""The files below studies/: each is a valid experiment at both scales, and the paper's tables."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pckd.analysis import paper_tables
from pckd.analysis.paper import paper_accuracy
from pckd.study.plan import cases, study_runs
from pckd.study.resources import Resources
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study
from tests.study.plans import fixed_trials

FOLDER = Path(__file__).parents[2] / "studies"
TABLES = {
    "table1": "Table I",
    "table2": "Table II",
    "table3": "Table III",
    "table4": "Table IV",
    "table5": "Table V",
    "table6": "Table VI",
    "table7": "Table VII",
    "table8": "Table VIII",
    "table9": "Table IX",
}
NOT_RUN = {"Teacher", "LSKD"}
"""Rows that are no trials of a study: the teacher's, and LSKD's, whose formula is not public."""

EMPTY = {
    "table1": {("ReviewKD", "resnet110", "resnet20"), ("MLD", "resnet110", "resnet20")},
    "table2": {(case, "resnet50", "vgg8") for case in ("ReviewKD", "DKD", "MLD")},
}
"""Cells that are run although the paper's table has no number there; the study file says so."""

COUNTS = {  # full: cases x pairs x 3 seeds, less empty cells and students that teachers share
    "table1": 3 * (21 * 7 - 2),
    "table2": 3 * (20 * 6 - 2),
    "table3": 3 * 9,
    "table4": 3 * 8,
    "table5": 3 * 6 * 3,
    "table6": 3 * 8 * 2,
    "table7": 3 * 2 * 7,
    "table8": 3 * 9 * 3,
    "table9": 3 * 2 * 8,
    "figure6": 3 * 2,
    "sensitivity": 3 * (1 + 4 * 4),
}


def spec_of(name: str, scale: str) -> StudySpec:
    return read_study(FOLDER / f"{name}.yaml", {}, scale)  # type: ignore[arg-type]


def on_digits(spec: StudySpec) -> StudySpec:
    """The same plan for one seed, over images that are at hand wherever tests run."""
    run: Mapping[str, object] = {**spec.run, "data": "digits"}
    return spec.model_copy(update={"run": run, "resources": Resources(), "seeds": (0,)})


@pytest.mark.parametrize("name", COUNTS)
def test_the_full_plan_has_the_trials_of_the_paper(name: str) -> None:
    spec = spec_of(name, "full")
    of_a_seed = {trial.identity for trial in fixed_trials(on_digits(spec))}
    assert len(of_a_seed) * len(spec.seeds) == COUNTS[name]
    assert {config.protocol for config in study_runs(spec)} == {"paper"}
    assert spec.seeds == (0, 1, 2)


@pytest.mark.parametrize("name", [*COUNTS, "search", "figures"])
def test_the_smoke_scale_is_small_and_otherwise_the_same_study(name: str) -> None:
    full, smoke = spec_of(name, "full"), spec_of(name, "smoke")
    assert smoke.study == f"{name}-smoke"
    assert list(cases(smoke)) == list(cases(full))
    assert [pair for pair in smoke.pairs if pair not in full.pairs] == []
    assert len(smoke.seeds) <= 2
    assert smoke.resources.gpus_per_worker == 0
    assert smoke.resources.workers <= 2
    for config in study_runs(smoke):
        assert config.scale == "smoke"
        assert (config.data.name, config.data.root) == ("digits", None)
        assert (config.data.images_per_class or 0) <= 40
        assert config.optimization.epochs <= 12
    assert fixed_trials(smoke)  # identities, so the digits can be opened


@pytest.mark.parametrize("name", TABLES)
def test_a_table_s_study_has_a_case_for_each_of_its_numbers(name: str) -> None:
    """Each number has its cell, each cell its number, but for those that are empty in the paper."""
    spec = spec_of(name, "full")
    assert spec.source == TABLES[name]
    cells = {
        (case, config.teacher.model if config.teacher else None, config.student)
        for case, changes in cases(spec)
        for pair in spec.pair_changes(case)
        for config in [spec.run_config({**changes, **pair}, name)]
    }
    targets = ("stl10", "tiny-imagenet") if spec.probe else ("",)
    for target in targets:
        empty = {
            cell for cell in cells if paper_accuracy(spec.source, *cell, target=target) is None
        }
        assert empty == EMPTY.get(name, set())
    tables = paper_tables()
    table = tables[(tables["table"] == TABLES[name]) & (tables["metric"] == "top1")]
    numbers = table[~table["method"].isin(NOT_RUN)]
    assert len(numbers) == len(targets) * (len(cells) - len(EMPTY.get(name, ())))


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_numbers_of_rows_that_are_not_run_stand_in_the_study_file(name: str) -> None:
    comment = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").split("study:")[0]
    tables = paper_tables()
    rows = tables[(tables["table"] == TABLES[name]) & (tables["method"] == "LSKD")]
    assert [f"{value:.2f}" for value in rows["value"] if f"{value:.2f}" not in comment] == []
    for case, teacher, student in EMPTY[name]:
        assert case in comment and f"{teacher}-{student}" in comment
