from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pckd.analysis.describing import progress_words
from pckd.analysis.loading import load_study
from pckd.analysis.numbers.comparison import compare_cases
from pckd.analysis.report import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]

ALONE = {
    f"loss.{term}": 0.0
    for term in ("kd", "center_contrast", "feature_alignment", "center_alignment")
}
CASES = {"Student": ALONE, "PCKD": {}}
PAIRS: list[dict[str, Any]] = [
    {"teacher": name, "student": "resnet8"} for name in ("resnet14", "resnet20")
]


@pytest.fixture
def shared(new_study: NewStudy) -> "StudyBuilder":
    """Two teachers for one student, which alone was trained once a seed."""
    builder = new_study(cases=CASES, pairs=PAIRS, seeds=[0, 1])
    models = [{"teacher.model": pair["teacher"], "student": "resnet8"} for pair in PAIRS]
    for seed in (0, 1):
        builder.trial("Student", {**ALONE, **models[0]}, seed, 60.0 + seed)
        for model, top1 in zip(models, (64.0, 65.0), strict=True):
            builder.trial("PCKD", model, seed, top1 + 2 * seed)
    return builder


def test_a_student_alone_stands_beside_every_teacher(shared: "StudyBuilder") -> None:
    table = compare_cases(load_study(shared.storage, "demo"))
    pairs = ["resnet14 \N{RIGHTWARDS ARROW} resnet8", "resnet20 \N{RIGHTWARDS ARROW} resnet8"]
    assert table["pair"].tolist() == [pairs[0], pairs[0], pairs[1], pairs[1]]
    assert table["case"].tolist() == ["Student", "PCKD"] * 2
    assert table["test_mean"].tolist() == pytest.approx([60.5, 65.0, 60.5, 66.0])
    assert table["difference"].dropna().tolist() == pytest.approx([4.5, 5.5])


def test_a_shared_student_is_no_missing_trial_and_no_second_one(shared: "StudyBuilder") -> None:
    study = load_study(shared.storage, "demo")
    assert (study.planned_trials, len(study.trials), study.trials["trial"].nunique()) == (6, 8, 6)
    assert study.unplanned_rows == 0
    assert progress_words(study) == "6 completed"
    epochs = study.epochs.groupby(["pair", "case", "seed"])["epoch"].apply(list)
    assert len(epochs) == 8
    assert all(item == [1, 2, 3] for item in epochs)


@pytest.mark.usefixtures("quick")
def test_the_report_counts_its_time_once(shared: "StudyBuilder", tmp_path: "Path") -> None:
    seconds = shared.store.read("trials")["seconds"].sum()
    page = write_report(shared.storage, ["demo"], tmp_path / "report").read_text()
    assert f"{seconds:.0f} s in all" in page


def test_the_shared_student_stays_when_its_first_pair_leaves(shared: "StudyBuilder") -> None:
    shared.respecify(pairs=PAIRS[1:])
    study = load_study(shared.storage, "demo")
    assert compare_cases(study)["n"].tolist() == [2, 2]
    assert (study.planned_trials, study.unplanned_rows) == (4, 2)


def test_pairs_with_other_keys_do_not_share(new_study: NewStudy) -> None:
    """The student's configuration differs, although the key does nothing without a teacher."""
    pairs = [{**PAIRS[0], "changes": {"preview.growth_rate": 1.015}}, PAIRS[1]]
    builder = new_study(cases=CASES, pairs=pairs)
    for pair, growth in zip(pairs, ({"preview.growth_rate": 1.015}, {}), strict=True):
        for case, changes in CASES.items():
            models = {"teacher.model": pair["teacher"], "student": "resnet8"}
            builder.trial(case, {**changes, **models, **growth}, 0)
    study = load_study(builder.storage, "demo")
    assert (len(study.trials), study.trials["case"].tolist()) == (4, ["Student", "PCKD"] * 2)
