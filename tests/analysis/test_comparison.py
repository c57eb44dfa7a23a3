from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.comparison import compare_cases, compare_teachers
from pckd.analysis.parts import Table
from pckd.analysis.sections.comparison import comparison
from pckd.analysis.summary import summarise
from pckd.analysis.words import MISSING

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
CASES = {"KD": {"loss.center_contrast": 0.0}, "PCKD": {}}
CIFAR = {
    "data": {"name": "cifar100"},
    "teacher": "wrn_40_2",
    "student": "wrn_16_2",
    "optimization": {"epochs": 3},
}


def test_the_table_agrees_with_plain_pandas(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1, 2])
    top1 = {"KD": [80.0, 82.0, 81.0], "PCKD": [83.0, 84.5, 84.0]}
    for case, values in top1.items():
        for seed, value in enumerate(values):
            builder.trial(case, CASES[case], seed, value)
    table = compare_cases(load_study(builder.storage, "demo")).set_index("case")

    rows = builder.store.read("trials").pivot(index="seed", columns="case", values="test_top1")
    assert table["test_mean"].to_dict() == pytest.approx(rows.mean().to_dict())
    assert table["n"].tolist() == [3, 3]
    expected = stats.ttest_1samp(rows["PCKD"], 0).confidence_interval()
    assert table.loc["PCKD", "test_low"] == pytest.approx(expected.low)
    paired = stats.ttest_rel(rows["PCKD"], rows["KD"]).confidence_interval()
    assert table.loc["PCKD", "difference"] == pytest.approx((rows["PCKD"] - rows["KD"]).mean())
    assert table.loc["PCKD", "difference_low"] == pytest.approx(paired.low)
    assert table.loc["PCKD", "difference_high"] == pytest.approx(paired.high)
    assert table["verdict"].tolist() == ["reference", "above, beyond noise"]
    assert (table["test_mean"] - table["selecting_last"]).tolist() == pytest.approx([1.0, 1.0])
    assert (table["selecting_best"] - table["test_mean"]).tolist() == pytest.approx([2.0, 2.0])


def test_only_completed_trials_count_and_only_common_seeds_are_paired(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1, 2])
    builder.trial("KD", CASES["KD"], 0, 80.0)
    builder.trial("KD", CASES["KD"], 1, 10.0, "stopped")
    builder.trial("KD", CASES["KD"], 2, 10.0, "running")
    builder.trial("PCKD", {}, 0, 83.0)
    builder.trial("PCKD", {}, 1, 99.0)
    table = compare_cases(load_study(builder.storage, "demo")).set_index("case")
    assert table["n"].tolist() == [1, 2]
    assert table.loc["KD", "test_mean"] == 80.0
    assert table["test_low"].isna().tolist() == [True, False]
    assert table.loc["PCKD", "difference_n"] == 1
    assert table.loc["PCKD", "difference"] == pytest.approx(3.0)
    assert table.loc["PCKD", "verdict"] == "one seed: noise unknown"


def test_a_case_without_a_result_stays_in_the_table(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    builder.trial("KD", CASES["KD"], 0, 80.0)
    builder.trial("PCKD", {}, 0, status="failed")
    table = compare_cases(load_study(builder.storage, "demo"))
    assert table["n"].tolist() == [1, 0]
    assert table["verdict"].tolist() == ["reference", "no common seed"]


def test_each_pair_has_its_own_reference(new_study: NewStudy) -> None:
    students = ["resnet14", "resnet8"]
    pairs = [{"teacher": "resnet20", "student": student} for student in students]
    builder = new_study(cases=CASES, pairs=pairs, seeds=[0, 1])
    for base, student in zip((80.0, 60.0), students, strict=True):
        for case, effect in (("KD", 0.0), ("PCKD", 2.0)):
            for seed in (0, 1):
                models = {"teacher.model": "resnet20", "student": student}
                builder.trial(case, {**CASES[case], **models}, seed, base + effect + seed)
    table = compare_cases(load_study(builder.storage, "demo"))
    assert table["test_mean"].tolist() == pytest.approx([80.5, 82.5, 60.5, 62.5])
    assert table["difference"].dropna().tolist() == pytest.approx([2.0, 2.0])


def test_a_case_that_a_pair_leaves_out_has_an_empty_row(new_study: NewStudy) -> None:
    pairs: list[dict[str, Any]] = [
        {"teacher": "resnet20", "student": "resnet14"},
        {"teacher": "resnet20", "student": "resnet8", "without": ["FSP"]},
    ]
    changes = {"KD": {"method": "kd"}, "FSP": {"method": "fsp"}, "PCKD": {}}
    builder = new_study(cases=changes, pairs=pairs)
    for pair, case in product(pairs, changes):
        if case not in pair.get("without", ()):
            models = {"teacher.model": "resnet20", "student": pair["student"]}
            builder.trial(case, {**changes[case], **models}, 0, 80.0)
    study = load_study(builder.storage, "demo")
    table = compare_cases(study)
    assert table["case"].tolist() == [*changes] * 2
    assert table["n"].tolist() == [1, 1, 1, 1, 0, 1]
    assert table["verdict"].tolist()[4] == "left out"
    assert study.planned_trials == 5
    report = comparison(study)
    assert report is not None and isinstance(report.parts[0], Table)
    shown = report.parts[0].shown[["n", "test, last", "in words"]].to_numpy()[4]
    assert list(shown) == [MISSING, MISSING, "left out"]
    assert "n = 1." in summarise(study).caption


def test_students_of_the_best_epoch_are_not_called_those_of_the_last(new_study: NewStudy) -> None:
    builder = new_study(cases={"KD": {}}, keep="best")
    builder.trial("KD", {}, 0, 80.0)
    study = load_study(builder.storage, "demo")
    report = comparison(study)
    assert report is not None and isinstance(report.parts[0], Table)
    assert report.parts[0].shown["test, best"].tolist() == ["80.00"]
    for caption in (report.parts[0].caption, summarise(study).caption):
        assert "on the test images with the weights of the best epoch" in caption
        assert "last weights" not in caption


def test_a_method_whose_formula_is_not_public_keeps_the_paper_s_number(new_study: NewStudy) -> None:
    pairs = [{"teacher": "wrn_40_2", "student": name} for name in ("wrn_16_2", "wrn_16_1")]
    builder = new_study(source="Table I", cases={"KD": {}}, pairs=pairs)
    for pair in pairs:
        models = {"teacher.model": pair["teacher"], "student": pair["student"]}
        builder.trial("KD", models, 0, 80.0)
    study = load_study(builder.storage, "demo")
    table = compare_cases(study)
    assert table["case"].tolist() == ["KD", "LSKD", "KD"]  # the paper has no LSKD for wrn_16_1
    row = table.iloc[1]
    assert (row["n"], row["paper"], row["verdict"]) == (0, 74.1, "not run: formula not public")
    report = comparison(study)
    assert report is not None and isinstance(report.parts[0], Table)
    assert report.parts[0].shown["n"].tolist() == ["1", MISSING, "1"]


def test_the_paper_s_number_stands_beside_ours_with_the_gap(new_study: NewStudy) -> None:
    builder = new_study(source="Table I", run=CIFAR, cases={"KD": {}, "mine": {"loss.kd": 2.0}})
    for case, changes in (("KD", {}), ("mine", {"loss.kd": 2.0})):
        builder.trial(case, changes, 0, 70.0, num_classes=100)
    table = compare_cases(load_study(builder.storage, "demo"))
    assert table["paper"].tolist() == pytest.approx([74.92, np.nan], nan_ok=True)
    assert table["gap"].tolist() == pytest.approx([70 - 74.92, np.nan], nan_ok=True)


def test_fewer_classes_are_another_task_without_a_gap(new_study: NewStudy) -> None:
    builder = new_study(source="Table I", run=CIFAR, cases={"KD": {}})
    builder.trial("KD", {}, 0, 70.0, num_classes=20)
    table = compare_cases(load_study(builder.storage, "demo"))
    assert table["paper"].tolist() == pytest.approx([74.92])
    assert table["gap"].isna().all()


@pytest.mark.parametrize(("classes", "gap"), [(100, 75.0 - 75.61), (20, np.nan)])
def test_the_teachers_stand_beside_the_paper_s(
    classes: int, gap: float, new_study: NewStudy
) -> None:
    pairs = [{"teacher": "wrn_40_2", "student": name} for name in ("wrn_16_2", "wrn_40_1")]
    run = {"data": {"name": "cifar100"}, "optimization": {"epochs": 3}}
    builder = new_study(source="Table I", run=run, cases={"KD": {}}, pairs=pairs)
    for pair in pairs:
        models = {"teacher.model": pair["teacher"], "student": pair["student"]}
        builder.trial("KD", models, 0, 70.0, num_classes=classes, teacher_test_top1=75.0)
    (row,) = compare_teachers(load_study(builder.storage, "demo")).to_dict("records")
    assert (row["teacher"], row["test"], row["paper"]) == ("wrn_40_2", 75.0, 75.61)
    assert row["gap"] == pytest.approx(gap, nan_ok=True)


def test_the_top_5_accuracy_stands_beside_the_paper_s_where_it_has_one(
    new_study: NewStudy,
) -> None:
    models = {"teacher": "torchvision/resnet34", "student": "torchvision/resnet18"}
    builder = new_study(
        source="Table III", run={"data": "imagenet", **models}, cases={"PCKD": {}, "mine": {}}
    )
    builder.trial("PCKD", {}, 0, 71.0, num_classes=1000, test_top5=90.0)
    row = compare_cases(load_study(builder.storage, "demo")).iloc[0]
    assert (row["paper"], row["paper_top5"], row["test_top5"]) == (72.01, 90.69, 90.0)
    assert (row["gap"], row["gap_top5"]) == pytest.approx((71.0 - 72.01, 90.0 - 90.69))
