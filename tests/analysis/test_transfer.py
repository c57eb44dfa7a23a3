from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from scipy import stats

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.transfer import probe_points, probe_summary
from pckd.analysis.parts import Paragraph, Table
from pckd.analysis.sections.transfer import transfer
from pckd.storage import Storage
from pckd.study.results import ResultsStore

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]


def summary_of(builder: "StudyBuilder") -> pd.DataFrame:
    study = load_study(builder.storage, builder.spec.study)
    return probe_summary(study, probe_points(study))


PLAIN = {
    f"loss.{term}": 0.0
    for term in ("kd", "center_contrast", "feature_alignment", "center_alignment")
}
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
    summary = summary_of(builder)
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
    summary = summary_of(builder)
    assert summary[["target", "mean"]].values.tolist() == [
        ["digits (classes 6 to 9)", 60.0],
        ["stl10", 70.0],
    ]


TABLE_IV: dict[str, Any] = {
    "source": "Table IV",
    "run": {"data": "cifar100", "teacher": "resnet110", "student": "resnet20"}
    | {"optimization": {"epochs": 3}},
    "cases": {"Student": PLAIN, "PCKD": {}},
}


def text_of(builder: "StudyBuilder") -> str:
    section = transfer(load_study(builder.storage, builder.spec.study))
    assert section is not None
    return " ".join(part.text for part in section.parts if isinstance(part, Paragraph))


@pytest.mark.parametrize("classes", [None, "[0, 1]"])
def test_table_four_stands_beside_ours_and_gaps_where_the_task_is_the_same(
    new_study: NewStudy, classes: str | None
) -> None:
    builder = new_study(**TABLE_IV)
    target = {"data": "stl10", "classes": classes, "train_images": 5000}
    for case, changes in TABLE_IV["cases"].items():
        trial = builder.trial(case, changes, 0, train_images=50_000, num_classes=100)
        builder.probe(trial, 60.0, model="resnet20", **target)
    builder.probe("t", 60.0, role="teacher", model="resnet110", **target)
    builder.probe("t", 60.0, role="teacher", model="resnet110", **target | {"data": "digits"})
    summary = summary_of(builder)
    ours = summary[summary["data"] == "stl10"]
    assert ours["paper"].tolist() == [64.91, 63.15, 68.85]  # teacher, plain student, PCKD
    if classes is None:
        assert ours["gap"].tolist() == pytest.approx([-4.91, -3.15, -8.85])
    else:
        assert ours["gap"].isna().all()
    assert summary.loc[summary["data"] == "digits", "paper"].isna().all()
    text = text_of(builder)
    assert "What differs: epochs: 3 instead of 240" in text
    assert "does not say how it fits its probe; here it is exact v1" in text
    assert ("No gap is given" in text) == (classes is not None)
    assert "plain student" not in text


def test_what_is_missing_is_said(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, seeds=[0, 1], probe={"data": "digits"})
    assert "No linear probe has been done yet" in text_of(builder)
    trial = builder.trial("PCKD", {}, 0)
    builder.trial("PCKD", {}, 1)
    builder.probe(trial, 60.0, student_seed=0)
    text = text_of(builder)
    assert "1 of 2 trained students have been probed." in text
    assert "This study has no plain student" in text


def test_mean_average_precision_is_not_taken_for_accuracy(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES)
    trial = builder.trial("PCKD", {}, 0)
    builder.probe(trial, 60.0, student_seed=0)
    voc = {"data": "voc2007", "classes": None, "mean_average_precision": 41.0}
    builder.probe(trial, None, student_seed=0, **voc)
    summary = summary_of(builder)
    assert summary[["measure", "mean"]].values.tolist() == [
        ["top-1 accuracy", 60.0],
        ["mean average precision", 41.0],
    ]
    assert "11-point" in text_of(builder)


def test_networks_that_were_given_as_files_are_reported(storage: Storage) -> None:
    store = ResultsStore(storage, "networks")
    for content, top1 in (("a", 50.0), ("b", 60.0)):
        row: dict[str, Any] = {"study": "networks", "probe": content, "trial": "ckpt.pth"}
        row |= {"role": "network", "network": content, "model": "resnet8", "data": "stl10"}
        row |= {"seed": 0, "protocol": "crd v1", "top1": top1, "train_images": 9, "test_images": 9}
        store.write("probes", content, [row])
    section = transfer(load_study(storage, "networks"))
    assert section is not None
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert table.shown["test"].tolist() == ["50.00", "60.00"]
    assert table.shown["network"].tolist() == ["ckpt.pth (a)", "ckpt.pth (b)"]
