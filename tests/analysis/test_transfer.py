from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from scipy import stats

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.transfer import probe_points, probe_summary

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
CASES = {"KD": {"loss.center_contrast": 0.0}, "PCKD": {}}


def test_probe_seeds_are_averaged_and_students_are_the_sample(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1, 2])
    for case, changes in CASES.items():
        for seed in (0, 1, 2):
            trial = builder.trial(case, changes, seed)
            for probe_seed in (0, 1):
                builder.probe(trial, 60 + seed + probe_seed, student_seed=seed, seed=probe_seed)
    for probe_seed in (0, 1):
        builder.probe("t", 50 + probe_seed, role="teacher", model="resnet20", seed=probe_seed)
    summary = probe_summary(probe_points(load_study(builder.storage, "demo")))
    assert summary["role"].tolist() == ["teacher", "student", "student"]
    assert summary["case"].fillna("").tolist() == ["", "KD", "PCKD"]
    assert summary["n"].tolist() == [1, 3, 3]
    assert summary["mean"].tolist() == pytest.approx([50.5, 61.5, 61.5])
    expected = stats.ttest_1samp([60.5, 61.5, 62.5], 0).confidence_interval()
    assert summary.loc[1, "low"] == pytest.approx(expected.low)


def test_targets_stay_apart(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    trial = builder.trial("PCKD", {}, 0)
    builder.probe(trial, 60.0, student_seed=0)
    builder.probe(trial, 70.0, student_seed=0, data="stl10", classes=None)
    summary = probe_summary(probe_points(load_study(builder.storage, "demo")))
    assert summary[["target", "mean"]].values.tolist() == [
        ["digits (classes 6 to 9)", 60.0],
        ["stl10", 70.0],
    ]
