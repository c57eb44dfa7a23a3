from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pckd.analysis.describing import (
    basis,
    classes_words,
    differences_from_paper,
    is_unfinished,
    progress_words,
)
from pckd.analysis.exporting import export
from pckd.analysis.loading import load_study
from pckd.analysis.parts import Paragraph
from pckd.analysis.sections.overview import overview

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
CIFAR = {"data": {"name": "cifar100"}, "teacher": "wrn_40_2", "student": "wrn_16_2"}


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([0, 1, 2, 3, 4, 5], "classes 0 to 5"),
        ([3], "class 3"),
        ([1, 4], "classes 1, 4"),
        ([5, 1, 0, 7, 9, 8], "6 classes"),
    ],
)
def test_classes(classes: list[int], words: str) -> None:
    assert classes_words(classes) == words


def test_a_caption_says_what_is_shown_and_on_what_scale(new_study: NewStudy) -> None:
    builder = new_study(seeds=[0, 1])
    builder.trial("run", {}, 0)
    builder.trial("run", {}, 1)
    assert basis(load_study(builder.storage, "demo"), "accuracy") == (
        "Shown is the accuracy; trained on digits (classes 0 to 5), 1,000 training images, "
        "for 3 epochs, with seeds 0 and 1."
    )


@pytest.mark.parametrize(
    ("run", "columns", "differences"),
    [
        (CIFAR, {"num_classes": 100, "train_images": 50_000}, []),
        (
            {**CIFAR, "optimization": {"epochs": 12}},
            {"num_classes": 10, "train_images": 2000},
            [
                "classes: 10 of 100",
                "training images: 2,000 of 50,000, 200 a class instead of 500",
                "epochs: 12 instead of 240",
            ],
        ),
        (
            {**CIFAR, "data": "digits", "scale": "smoke"},
            {"num_classes": 100, "train_images": 50_000},
            ["data: digits instead of cifar100", "scale: smoke"],
        ),
        (
            {**CIFAR, "protocol": "holdout"},
            {"num_classes": 100, "train_images": 45_000},
            [
                "training images: 45,000 of 50,000, 450 a class instead of 500",
                "protocol: holdout instead of paper",
            ],
        ),
    ],
)
def test_what_sets_a_study_apart_from_the_paper(
    new_study: NewStudy, run: dict[str, Any], columns: dict[str, Any], differences: list[str]
) -> None:
    name = "demo-smoke" if "scale" in run else "demo"
    builder = new_study(name, run=run)
    builder.trial("run", {}, 0, status="stopped", **columns)
    assert differences_from_paper(load_study(builder.storage, name)) == differences


def test_progress_counts_every_status_and_what_is_missing(new_study: NewStudy) -> None:
    builder = new_study(seeds=[0, 1, 2, 3, 4])
    for seed, status in enumerate(("completed", "stopped", "failed", "running")):
        builder.trial("run", {}, seed, status=status)
    study = load_study(builder.storage, "demo")
    assert is_unfinished(study)
    assert progress_words(study) == (
        "1 completed, 1 stopped early, 1 failed, 1 running or interrupted and 1 not started"
    )


def test_stopping_early_is_an_end_like_another(new_study: NewStudy) -> None:
    builder = new_study(seeds=[0, 1])
    builder.trial("run", {}, 0)
    builder.trial("run", {}, 1, status="stopped")
    assert not is_unfinished(load_study(builder.storage, "demo"))


def test_trials_of_two_teachers_of_one_recipe_are_told(new_study: NewStudy) -> None:
    """A teacher that is trained again on another device has the same recipe and other weights."""
    builder = new_study(seeds=[0, 1, 2])
    for seed, teacher in enumerate(("a" * 64, "b" * 64, "b" * 64)):
        builder.trial("run", {}, seed, teacher=teacher)
    parts = overview(load_study(builder.storage, "demo")).parts
    assert [part.text for part in parts if isinstance(part, Paragraph)] == [
        "Trials learned from 2 teachers of one recipe (aaaaaaaaaaaa and bbbbbbbbbbbb), as where it "
        "was trained again on another device: differences between them may stem from the teacher. "
        "Name one by teacher.hash, or run the study again with --fresh."
    ]


def test_a_table_for_a_paper_says_so_too(new_study: NewStudy) -> None:
    builder = new_study(seeds=[0, 1])
    for seed, teacher in enumerate(("a" * 64, "b" * 64)):
        builder.trial("run", {}, seed, teacher=teacher)
    for form in ("latex", "markdown"):
        assert "from 2 teachers of one recipe" in export(builder.storage, "demo", form).decode()


def test_teachers_of_several_recipes_are_not_mixed(new_study: NewStudy) -> None:
    cases: dict[str, dict[str, object]] = {
        "short": {"teacher.optimization.epochs": 1},
        "as it is": {"views.flip": False},
    }
    builder = new_study(cases={**cases, "long": {}})
    builder.trial("short", cases["short"], 0, teacher="a" * 64)
    builder.trial("as it is", cases["as it is"], 0, teacher="c" * 64)
    builder.trial("long", {}, 0, teacher="b" * 64)
    assert len(overview(load_study(builder.storage, "demo")).parts) == 1
