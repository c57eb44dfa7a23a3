from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.epochs import (
    example,
    learning_curves,
    over_seeds,
    term_curves,
    weighted_examples,
)

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
ALIGNED = ("center_contrast", "feature_alignment", "center_alignment")
OFF = {"loss.center_contrast": 0.0, "loss.feature_alignment": 0.0, "loss.center_alignment": 0.0}
CASES: dict[str, dict[str, Any]] = {
    "CE": {**OFF, "loss.kd": 0.0},
    "KD": OFF,
    "focal": {"preview.strategy": "focal"},
    "PCKD": {},
    "plain": {"preview.strategy": "none"},
}


@pytest.fixture
def builder(new_study: NewStudy) -> "StudyBuilder":
    builder = new_study(cases=CASES, seeds=[0, 1])
    for case, changes in CASES.items():
        for seed in (0, 1):
            builder.trial(case, changes, seed, 80.0 + 2 * seed)
    return builder


def test_curves_are_means_over_seeds_with_their_range(builder: "StudyBuilder") -> None:
    curves = learning_curves(load_study(builder.storage, "demo"))
    assert curves["case"].drop_duplicates().tolist() == list(CASES)
    first = curves[curves["case"] == "CE"]
    assert first["epoch"].tolist() == [1, 2, 3]
    assert first["mean"].tolist() == pytest.approx([70.0, 75.0, 80.0])
    assert first["low"].tolist() == pytest.approx([69.0, 74.0, 79.0])
    assert first["high"].tolist() == pytest.approx([71.0, 76.0, 81.0])
    assert first["n"].tolist() == [2, 2, 2]


def test_curves_leave_out_what_did_not_complete(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    builder.trial("CE", CASES["CE"], 0, status="stopped")
    study = load_study(builder.storage, "demo")
    assert learning_curves(study).empty
    assert len(study.epochs) == 1


def test_the_example_is_the_case_with_the_most_terms(builder: "StudyBuilder") -> None:
    study = load_study(builder.storage, "demo")
    found = example(study)
    assert found is not None and found.label == "focal" and len(found.trials) == 2
    curves = term_curves(study)
    assert [curve.term for curve in curves] == ["total", "cross_entropy", "kd", *ALIGNED]
    assert [curve.weights for curve in curves[2:4]] == [(1.0, 1.0), (0.05, 0.05)]
    assert {curve.example.label for curve in curves} == {"focal"}


def test_every_term_of_a_study_is_shown_in_a_case_that_has_it(new_study: NewStudy) -> None:
    methods: dict[str, dict[str, Any]] = {
        "KD": {"method": "kd"},
        "CRD": {"method": "crd", "loss.kd": 0.5},
        "AT": {"method": "at"},
    }
    builder = new_study(cases=methods)
    for case, changes in methods.items():
        builder.trial(case, changes, 0)
    study = load_study(builder.storage, "demo")
    shown = {curve.term: curve.example.label for curve in term_curves(study)}
    assert shown == {**dict.fromkeys(["total", "cross_entropy", "crd", "kd"], "CRD"), "at": "AT"}


def test_a_weight_that_rises_is_shown_by_its_range(new_study: NewStudy) -> None:
    builder = new_study(cases={"KD": {"method": "kd"}})
    trial = builder.trial("KD", {"method": "kd"}, 0)
    rows = builder.store.read_table("epochs").drop_columns("terms").to_pylist()
    terms = [[{"term": "kd", "weight": weight, "loss": 1.0}] for weight in (0.0, 4.0, 8.0)]
    written = [{**row, "terms": term} for row, term in zip(rows, terms, strict=True)]
    builder.store.write("epochs", trial, written)
    (kd,) = (c for c in term_curves(load_study(builder.storage, "demo")) if c.term == "kd")
    assert kd.weights == (0.0, 8.0)


def test_figure_6_has_one_case_for_each_strategy_that_weights(builder: "StudyBuilder") -> None:
    found = weighted_examples(load_study(builder.storage, "demo"))
    assert [item.label for item in found] == ["PCKD", "focal"]


def test_a_strategy_that_weights_no_term_is_not_shown(new_study: NewStudy) -> None:
    builder = new_study(cases={"CE": CASES["CE"]})
    builder.trial("CE", CASES["CE"], 0)
    assert weighted_examples(load_study(builder.storage, "demo")) == []


def test_a_search_shows_its_best_configuration(new_study: NewStudy) -> None:
    search = {"trials": 9, "parameters": {"loss.kd": {"low": 0.1, "high": 9.0}}}
    builder = new_study(search=search)
    builder.trial("kd=1", {"loss.kd": 1.0}, 0, 70.0)
    best = builder.trial("kd=2", {"loss.kd": 2.0}, 0, 90.0)
    found = example(load_study(builder.storage, "demo"))
    assert found is not None and found.trials == [best]


def test_epochs_without_a_value_are_left_out(builder: "StudyBuilder") -> None:
    epochs = load_study(builder.storage, "demo").epochs
    epochs.loc[epochs["epoch"] == 2, "hard_weight"] = None
    assert over_seeds(epochs, "hard_weight")["epoch"].tolist() == [1, 3]
