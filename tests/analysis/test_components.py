from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.components import Effect, component_effects, effect_rows
from pckd.analysis.parts import Paragraph
from pckd.analysis.sections.components import components
from pckd.study.plan import cases
from pckd.study.study_file import read_study

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]

OFF = {"loss.feature_alignment": 0.0, "loss.center_alignment": 0.0, "loss.center_contrast": 0.0}
NO_PREVIEW = {"preview.strategy": "none"}
CASES: dict[str, dict[str, Any]] = {
    "KD": {**OFF, **NO_PREVIEW},
    "KD + preview": OFF,
    "KD + CKD": NO_PREVIEW,
    "KD + CKD + preview (PCKD)": {},
}
TOP1 = {
    "KD": [60.0, 62.0, 61.0],
    "KD + preview": [60.5, 62.5, 61.1],
    "KD + CKD": [64.0, 66.5, 65.0],
    "KD + CKD + preview (PCKD)": [65.0, 66.0, 66.0],
}
CIFAR = {"data": "cifar100", "teacher": "wrn_40_2", "student": "wrn_16_2"}


def filled(
    builder: "StudyBuilder", cases: Mapping[str, dict[str, Any]], top1: Mapping[str, list[float]]
) -> list[Effect]:
    for case, values in top1.items():
        for seed, value in enumerate(values):
            builder.trial(case, cases[case], seed, value, num_classes=100)
    return component_effects(load_study(builder.storage, "demo"))


@pytest.fixture
def effects(new_study: NewStudy) -> list[Effect]:
    builder = new_study(source="Table V", run=CIFAR, cases=CASES, seeds=[0, 1, 2])
    return filled(builder, CASES, TOP1)


def test_a_component_s_effect_is_the_mean_over_all_cases_that_differ_in_it_alone(
    effects: list[Effect],
) -> None:
    assert [effect.component for effect in effects] == ["CKD", "preview"]
    preview = effects[1]
    assert [(step.without, step.having) for step in preview.steps] == [
        ("KD", "KD + preview"),
        ("KD + CKD", "KD + CKD + preview (PCKD)"),
    ]
    table = {case: np.array(values) for case, values in TOP1.items()}
    by_hand = (
        table["KD + preview"] - table["KD"] + table["KD + CKD + preview (PCKD)"] - table["KD + CKD"]
    ) / 2
    assert preview.by_seed.tolist() == pytest.approx(by_hand.tolist())
    interval = stats.ttest_1samp(by_hand, 0).confidence_interval()
    assert preview.mean.mean == pytest.approx(by_hand.mean())
    assert (preview.mean.low, preview.mean.high) == pytest.approx((interval.low, interval.high))


def test_the_paper_s_effect_is_the_same_difference_of_its_numbers(effects: list[Effect]) -> None:
    expected = (75.08 - 74.84 + 76.97 - 76.42) / 2
    assert effects[1].paper == pytest.approx(expected)
    rows = effect_rows(effects[1])
    assert rows["comparison"].tolist() == [
        "mean of 2",
        "KD + preview against KD",
        "KD + CKD + preview (PCKD) against KD + CKD",
    ]
    assert rows["paper"].tolist() == pytest.approx([expected, 75.08 - 74.84, 76.97 - 76.42])


def test_a_seed_that_misses_a_case_does_not_count(new_study: NewStudy) -> None:
    builder = new_study(run=CIFAR, cases=CASES, seeds=[0, 1, 2])
    effects = filled(builder, CASES, {**TOP1, "KD": TOP1["KD"][:2]})
    assert [effect.mean.count for effect in effects] == [2, 2]
    assert effects[1].steps[1].difference.count == 3


def test_terms_that_are_switched_one_by_one_are_components_of_their_own(
    new_study: NewStudy,
) -> None:
    spec = read_study(Path(__file__).parents[2] / "studies" / "table6.yaml", {})
    found = dict(cases(spec))
    base = {**CIFAR, "loss": {"kd": 0.0}, "preview": {"strategy": "none"}}
    builder = new_study(run=base, cases=found)
    effects = filled(builder, found, {case: [70.0] for case in found})
    steps = {effect.component: len(effect.steps) for effect in effects}
    assert steps == {"FA": 4, "CA": 4, "CC": 4}


@pytest.mark.parametrize(
    "other",
    [
        {"loss.kd": 2.0},  # the same components, weighted differently
        {"preview.strategy": "focal"},  # instead of, not besides
        {**OFF, "optimization.epochs": 7},  # not in the components alone
        {"loss.center_alignment": 0.0, "loss.kd": 2.0},
    ],
)
def test_cases_that_differ_in_anything_else_say_nothing_of_a_component(
    other: dict[str, Any], new_study: NewStudy
) -> None:
    two = {"PCKD": {}, "other": other}
    builder = new_study(run=CIFAR, cases=two)
    assert filled(builder, two, {"PCKD": [70.0], "other": [60.0]}) == []


def test_what_is_within_noise_is_said_in_words(new_study: NewStudy) -> None:
    builder = new_study(run=CIFAR, cases=CASES, seeds=[0, 1, 2])
    filled(builder, CASES, TOP1)
    section = components(load_study(builder.storage, "demo"))
    assert section is not None
    (words,) = [part.text for part in section.parts if isinstance(part, Paragraph)]
    assert words.startswith("Helps: CKD (+4.2")
    assert "; within noise: preview (+0.4" in words


def test_a_study_without_results_has_no_such_section(new_study: NewStudy) -> None:
    builder = new_study(run=CIFAR, cases=CASES)
    assert components(load_study(builder.storage, "demo")) is None
    builder.trial("KD", CASES["KD"], 0, status="failed")
    assert components(load_study(builder.storage, "demo")) is None


METHODS: dict[str, dict[str, Any]] = {
    "Student": {"method": "cross_entropy"},
    "DKD": {"method": "dkd"},
    "DKD + preview": {"method": "dkd", "preview.strategy": "preview"},
    "CRD": {"method": "crd"},
    "CRD + KD": {"method": "crd", "loss.kd": 1.0},
    "CRD + KD, hot": {"method": "crd", "loss.kd": 1.0, "loss.crd.temperature": 0.1},
}


def test_terms_of_any_method_are_components_by_their_labels(new_study: NewStudy) -> None:
    builder = new_study(run=CIFAR, cases=METHODS)
    effects = filled(builder, METHODS, {case: [70.0] for case in METHODS})
    steps = {e.component: [(s.without, s.having) for s in e.steps] for e in effects}
    assert steps == {
        "DKD": [("Student", "DKD")],
        "preview": [("DKD", "DKD + preview")],
        "CRD": [("Student", "CRD")],
        "KD": [("CRD", "CRD + KD")],
    }


def test_terms_that_are_switched_together_count_as_one(new_study: NewStudy) -> None:
    pair = {"KD": {**OFF, **NO_PREVIEW}, "two": {"loss.center_contrast": 0.0, **NO_PREVIEW}}
    builder = new_study(run=CIFAR, cases=pair)
    (effect,) = filled(builder, pair, {"KD": [60.0], "two": [70.0]})
    assert effect.component == "FA + CA"
