from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pckd.analysis.loading import StudyResults, load_study
from pckd.errors import InputError
from pckd.storage import Storage

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

RUN = {"teacher": "resnet20", "student": "resnet8", "optimization": {"epochs": 3}}

NewStudy = Callable[..., "StudyBuilder"]
CASES = {"PCKD": {}, "KD": {"loss.center_contrast": 0.0}}
ALIGNED = ("center_contrast", "feature_alignment", "center_alignment")


def loaded(builder: "StudyBuilder") -> StudyResults:
    return load_study(builder.storage, builder.spec.study)


def test_a_study_that_does_not_exist_is_bad_input(storage: Storage, new_study: NewStudy) -> None:
    new_study("known")
    with pytest.raises(InputError, match="known"):
        load_study(storage, "unknown")


def test_an_empty_study_has_empty_frames(new_study: NewStudy) -> None:
    study = loaded(new_study(cases=CASES, seeds=[0, 1]))
    assert study.trials.empty and study.epochs.empty and study.probes.empty
    assert study.kind == "cases" and study.planned_trials == 4


def test_rows_of_earlier_code_are_left_out(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    builder.trial("PCKD", {}, 0, 70.0, code_version="old")
    newer = builder.trial("PCKD", {}, 0, 80.0)
    study = loaded(builder)
    assert study.trials["trial"].tolist() == [newer]
    assert study.epochs["trial"].unique().tolist() == [newer]
    assert (study.unplanned_rows, study.mixed_codes) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"name": "digits", "root": "/elsewhere", "loader_workers": 1}},
        {"bank": False},
        {"teacher": {"model": "resnet20", "optimization": {"epochs": 7}, "seed": 3}},
    ],
)
def test_what_changes_no_number_takes_no_trial_out(
    new_study: NewStudy, change: dict[str, object]
) -> None:
    """The driver trains none of these again, so the report must keep them."""
    alone = {f"loss.{term}": 0 for term in ("kd", *ALIGNED)}
    builder = new_study(cases={"Student": alone}, run={**RUN, "data": "digits"})
    builder.trial("Student", alone, 0, 70.0)
    builder.respecify(run={**builder.spec.run, **change})
    study = loaded(builder)
    assert study.trials["test_top1"].tolist() == [70.0]
    assert (study.unplanned_rows, study.planned_trials) == (0, 1)


def test_cases_of_one_configuration_share_its_trial(new_study: NewStudy) -> None:
    builder = new_study(cases={"one": {}, "other": {"loss.kd": 1.0}})
    builder.trial("one", {}, 0, 70.0)
    study = loaded(builder)
    assert study.trials["case"].tolist() == ["one", "other"]
    assert study.trials["trial"].nunique() == study.planned_trials == 1


def test_a_step_of_the_search_is_kept_to(new_study: NewStudy) -> None:
    space = {"loss.kd": {"low": 0.0, "high": 4.0, "step": 0.25}}
    builder = new_study(search={"trials": 4, "parameters": space})
    builder.trial("fine", {"loss.kd": 0.25}, 0)
    builder.trial("coarse", {"loss.kd": 2.0}, 0)
    space["loss.kd"]["step"] = 1.0
    builder.respecify(search={"trials": 4, "parameters": space})
    study = loaded(builder)
    assert (study.trials["case"].tolist(), study.unplanned_rows) == (["coarse"], 1)


@pytest.mark.parametrize(
    "change",
    [
        {"optimization": {"epochs": 5}},
        {"student": "resnet14"},
        {"data": {"name": "digits", "classes": [0, 1]}},
        {"protocol": "holdout"},
        {"loss": {"kd": {"temperature": 2.0}}},
    ],
)
def test_rows_of_an_earlier_run_do_not_enter(
    new_study: NewStudy, change: dict[str, object]
) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1])
    for seed in (0, 1):
        builder.trial("PCKD", {}, seed, 70.0)
    builder.trial("KD", CASES["KD"], 0, 70.0)
    builder.respecify(run={**builder.spec.run, **change})
    builder.trial("PCKD", {}, 0, 80.0)  # the study goes on: one trial is done so far
    study = loaded(builder)
    assert study.trials["test_top1"].tolist() == [80.0]
    assert study.unplanned_rows == 3


def test_cases_and_seeds_that_are_no_longer_planned_do_not_enter(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1])
    builder.trial("PCKD", {}, 0)
    builder.trial("PCKD", {}, 1)
    builder.trial("KD", CASES["KD"], 0)
    builder.respecify(cases={"PCKD": {}}, seeds=[0])
    study = loaded(builder)
    assert study.trials[["case", "seed"]].values.tolist() == [["PCKD", 0]]
    assert study.unplanned_rows == 2 and study.planned_trials == 1


def test_numbers_of_the_file_are_compared_by_value(new_study: NewStudy) -> None:
    """YAML reads 1 as an integer; the configuration has floats."""
    builder = new_study(cases={"PCKD": {"loss.kd": 1}})
    builder.respecify(run={**builder.spec.run, "loss": {"center_contrast": 1}})
    builder.trial("PCKD", {"loss.kd": 1}, 0)
    builder.respecify(cases={"PCKD": {"loss.kd": 1.0}})
    assert len(loaded(builder).trials) == 1


def test_a_case_may_change_a_whole_mapping_or_a_key_that_the_run_does_not_have(
    new_study: NewStudy,
) -> None:
    off = {"loss.kd": 0, "loss.center_contrast": 0, "loss.feature_alignment": 0}
    alone: dict[str, object] = {**off, "loss.center_alignment": 0, "teacher": None}
    builder = new_study(cases={"alone": alone, "other": {"teacher": "resnet14"}})
    builder.trial("other", {"teacher.model": "resnet14"}, 0)
    builder.trial("alone", alone, 0)
    study = loaded(builder)
    assert study.trials["case"].tolist() == ["alone", "other"]
    assert study.unplanned_rows == 0


def test_a_varied_model_is_compared_by_its_name(new_study: NewStudy) -> None:
    builder = new_study(vary_one={"teacher": ["resnet14", "resnet20"]})
    builder.trial("teacher.model=resnet20", {"teacher.model": "resnet20"}, 0)
    builder.trial("teacher.model=resnet14", {"teacher.model": "resnet14"}, 0)
    study = loaded(builder)
    assert study.trials["case"].tolist() == ["default", "teacher.model=resnet14"]
    assert study.planned_trials == 2


def test_a_case_has_the_name_that_the_file_gives_it_now(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    builder.trial("KD", CASES["KD"], 0)
    builder.respecify(cases={"PCKD": {}, "renamed": CASES["KD"]})
    assert loaded(builder).trials["case"].tolist() == ["renamed"]


def test_cases_stand_in_the_order_of_the_file(new_study: NewStudy) -> None:
    pairs = [
        {"teacher": "resnet20", "student": "resnet14"},
        {"teacher": "resnet20", "student": "resnet8"},
    ]
    builder = new_study(cases=CASES, pairs=pairs, seeds=[1, 0])
    for pair in reversed(pairs):
        models = {"teacher.model": pair["teacher"], "student": pair["student"]}
        for case in ("KD", "PCKD"):
            for seed in (1, 0):
                builder.trial(case, {**CASES[case], **models}, seed)
    study = loaded(builder)
    assert study.trials["pair"].drop_duplicates().tolist() == [
        "resnet20 → resnet14",
        "resnet20 → resnet8",
    ]
    assert study.trials["case"].tolist() == ["PCKD", "PCKD", "KD", "KD"] * 2
    assert study.trials["seed"].tolist() == [0, 1] * 4
    assert study.trials["position"].tolist() == [0, 0, 1, 1] * 2
    assert study.epochs["trial"].drop_duplicates().tolist() == study.trials["trial"].tolist()
    assert study.planned_trials == 8


def test_a_varied_key_at_its_default_is_the_default_case(new_study: NewStudy) -> None:
    """One configuration, whichever of its names it was trained under, is one trial."""
    builder = new_study(vary_one={"loss.kd": [0.5, 1.0], "preview.growth_rate": [1.005, 1.01]})
    builder.trial("growth_rate=1.005", {"preview.growth_rate": 1.005}, 0)
    builder.trial("kd=0.5", {"loss.kd": 0.5}, 0)
    study = loaded(builder)
    assert study.trials["case"].tolist() == ["default", "kd=0.5"]
    assert study.trials["changed"].tolist() == [{}, {"loss.kd.weight": 0.5}]
    assert study.planned_trials == 3


def test_points_outside_the_search_space_do_not_enter(new_study: NewStudy) -> None:
    space = {
        "loss.kd": {"low": 0.1, "high": 1.0},
        "preview.strategy": {"choices": ["none", "focal"]},
    }
    builder = new_study(search={"trials": 4, "parameters": space})
    builder.trial("in", {"loss.kd": 0.5, "preview.strategy": "none"}, 0)
    builder.trial("high", {"loss.kd": 2.0, "preview.strategy": "none"}, 0)
    builder.trial("choice", {"loss.kd": 0.5, "preview.strategy": "preview"}, 0)
    builder.trial("keys", {"loss.kd": 0.6}, 0)
    study = loaded(builder)
    assert study.trials["case"].tolist() == ["in"] and study.unplanned_rows == 3


def test_a_point_has_the_parameters_that_its_choices_make_active(new_study: NewStudy) -> None:
    space = {
        "preview.strategy": {"choices": ["preview", "none"]},
        "preview.growth_rate": {"low": 1.0, "high": 1.1, "when": {"preview.strategy": "preview"}},
    }
    builder = new_study(search={"trials": 4, "parameters": space})
    builder.trial("active", {"preview.strategy": "preview", "preview.growth_rate": 1.05}, 0)
    builder.trial("inactive", {"preview.strategy": "none"}, 0)
    builder.trial("missing", {"preview.strategy": "preview"}, 0)
    builder.trial("too many", {"preview.strategy": "none", "preview.growth_rate": 1.05}, 0)
    assert loaded(builder).trials["case"].tolist() == ["active", "inactive"]


def test_a_study_without_a_file_is_shown_as_it_is(storage: Storage, new_study: NewStudy) -> None:
    builder = new_study()
    first = builder.trial("resnet8", {}, 0)
    second = builder.trial("resnet8", {"optimization.epochs": 4}, 0)
    builder.trial("resnet14", {}, 1)
    for path in ("study.json", "plan/plan.parquet"):
        storage.delete(f"demo/{path}")
    study = loaded(builder)
    assert study.kind == "single" and study.planned_trials is None
    assert study.trials["case"].tolist() == [
        f"resnet8 {first}",
        f"resnet8 {second}",
        "resnet14",
    ]


def test_probes_are_those_of_the_kept_students_and_of_their_teachers(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    old = builder.trial("PCKD", {}, 0, code_version="old")
    new = builder.trial("PCKD", {}, 0)
    for trial in (old, new):
        builder.probe(trial, 70.0, student_seed=0)
    builder.probe("t1", 60.0, role="teacher", model="resnet20")
    builder.probe("t2", 61.0, role="teacher", model="resnet56")
    study = loaded(builder)
    assert study.probes["trial"].tolist() == [new, "t1"]
    assert study.probes["case"].fillna("").tolist() == ["PCKD", ""]


def test_probes_are_those_of_the_weights_that_the_trials_have_and_had(new_study: NewStudy) -> None:
    """A student that was trained again, and two teachers of one architecture."""
    builder = new_study(cases=CASES, seeds=[0, 1])
    trial = builder.trial("PCKD", {}, 0, network="new", teacher="t1")
    builder.trial("PCKD", {}, 1, network="other", teacher="t2")
    builder.probe(trial, 70.0, student_seed=0, network="old")
    for teacher in ("t1", "t2", "t3"):
        builder.probe(teacher, 60.0, role="teacher", model="resnet20", network=teacher)
    probes = loaded(builder).probes
    assert sorted(probes["network"]) == ["t1", "t2"]
    builder.probe(trial, 71.0, student_seed=0, network="new")
    probes = loaded(builder).probes
    assert probes.loc[probes["role"] == "student", "top1"].tolist() == [71.0]


def test_parts_of_cases_that_are_searched_have_files_of_their_own(new_study: NewStudy) -> None:
    """A later case of the same letters overwrote the figures of an earlier one."""
    cases: dict[str, dict[str, float]] = {"λ": {}, "KD (1)": {}, "KD, 1": {}, "CRD": {}}
    spaces = {name: {"parameters": {"loss.kd": {"low": 0.1, "high": 1.0}}} for name in cases}
    builder = new_study(cases=cases, search={"trials": 1, "spaces": spaces})
    builder.trial("KD", {"loss.kd.weight": 0.5}, 0)
    parts = [each.part("slices") for each in load_study(builder.storage, "demo").by_space()]
    assert parts == ["slices-1", "slices-kd-1", "slices-kd-1-3", "slices-crd"]
