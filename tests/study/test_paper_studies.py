"""The files below studies/: each is a valid experiment at both scales, and the paper's tables."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest

from pckd.analysis import paper_tables
from pckd.analysis.paper import paper_accuracy
from pckd.study.plan import cases, fixed_trials, study_runs
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study

FOLDER = Path(__file__).parents[2] / "studies"
TABLES = {
    "table1": "Table I",
    "table2": "Table II",
    "table3": "Table III",
    "table5": "Table V",
    "table6": "Table VI",
    "table7": "Table VII",
    "table8": "Table VIII",
    "table9": "Table IX",
}
OTHERS_WORK = {"table1", "table2", "table3"}
"""Tables that also have rows of other people's methods."""

COUNTS = {  # full: cases x pairs x 3 seeds, less the students that several teachers share
    "table1": 3 * (4 * 7 - 1),
    "table2": 3 * (4 * 6 - 2),
    "table3": 3 * 3,
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
    """The same plan over images that are at hand wherever tests run."""
    run: Mapping[str, object] = {**spec.run, "data": "digits"}
    return spec.model_copy(update={"run": run})


@pytest.mark.parametrize("name", COUNTS)
def test_the_full_plan_has_the_trials_of_the_paper(name: str) -> None:
    spec = spec_of(name, "full")
    assert len({trial.identity for trial in fixed_trials(on_digits(spec))}) == COUNTS[name]
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
    spec = spec_of(name, "full")
    assert spec.source == TABLES[name]
    tables = paper_tables()
    table = tables[(tables["table"] == TABLES[name]) & (tables["metric"] == "top1")]
    ours = {
        (case, config.teacher.model if config.teacher else None, config.student)
        for (case, changes), pair in product(cases(spec), spec.pair_changes())
        for config in [spec.run_config({**changes, **pair}, name)]
    }
    numbers = [
        paper_accuracy(spec.source, case, teacher, student) for case, teacher, student in ours
    ]
    assert None not in numbers
    if name not in OTHERS_WORK:
        assert len(numbers) == len(table)
