"""The first section of a report: what the verdicts say."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pckd.analysis.loading import load_study
from pckd.analysis.parts import Paragraph, Picture, Table
from pckd.analysis.sections.answer import answer
from pckd.analysis.sections.comparison import comparison
from pckd.storage import Storage
from pckd.study.results import ResultsStore
from tests.analysis.conftest import START, StudyBuilder

CASES = {"KD": {"method": "kd"}, "CE": {"method": "cross_entropy"}}
SEEDS = {"until": "clear", "against": "CE", "smallest_difference": 0.5}


@pytest.fixture(name="compared")
def _compared(new_study: Callable[..., StudyBuilder]) -> StudyBuilder:
    study = new_study(cases=CASES, seeds=SEEDS)
    for seed in range(4):
        study.trial("KD", CASES["KD"], seed, 55.0 + seed / 10)
        study.trial("CE", CASES["CE"], seed, 50.0)
    return study


def _verdict(study: StudyBuilder, name: str, **columns: Any) -> None:  # noqa: ANN401
    row = {
        "study": "demo",
        "verdict": "0123",
        "candidate": "KD",
        "reference": "CE",
        "student_model": "resnet8",
        "name": name,
        "sentence": "KD is better than CE",
        "estimate": 5.15,
        "low": 4.0,
        "high": 6.25,
        "deviation": 0.13,
        "seeds": 4,
        "first_seed": 0,
        "differences": [5.0, 5.1, 5.2, 5.3],
        "smallest_difference": 0.5,
        "level": 0.05,
        "comparisons": 1,
        "updated": datetime.now(UTC),
        **columns,
    }
    study.store.write("verdicts", "0123", [row])


def test_the_verdict_is_said_drawn_and_listed(compared: StudyBuilder, storage: Storage) -> None:
    _verdict(compared, "better")
    section = answer(load_study(storage, "demo"))
    assert section is not None
    question, said, picture, cost, table = section.parts
    assert isinstance(question, Paragraph)
    assert question.text.startswith("Question: is KD better than CE on the test images")
    assert isinstance(cost, Paragraph)
    assert cost.text.startswith("Cost: 8 trainings")
    assert isinstance(said, Paragraph)
    assert said.text == "KD is better than CE."
    assert isinstance(picture, Picture)
    assert picture.values is not None
    assert picture.values["differences"].tolist() == [5.0, 5.1, 5.2, 5.3]
    dots = picture.figure.axes[0].lines[1].get_ydata()
    assert np.asarray(dots).tolist() == [5.0, 5.1, 5.2, 5.3]
    assert isinstance(table, Table)
    shown = table.shown.iloc[0]
    assert (shown["verdict"], shown["points"], shown["interval"]) == (
        *("better", "+5.15", "4.00 to 6.25"),
    )


def test_a_settled_study_is_complete_without_its_spare_seeds(
    compared: StudyBuilder, storage: Storage
) -> None:
    assert load_study(storage, "demo").planned_trials == 2 * 20
    _verdict(compared, "go on")
    assert load_study(storage, "demo").planned_trials == 2 * 20
    _verdict(compared, "better")
    assert load_study(storage, "demo").planned_trials == 2 * 4


def test_plain_intervals_give_no_verdict_beside_those_of_the_design(
    compared: StudyBuilder, storage: Storage
) -> None:
    section = comparison(load_study(storage, "demo"))
    assert section is not None
    assert [part.kind for part in section.parts] == ["table", "picture"]
    (table, _) = section.parts
    assert isinstance(table, Table)
    assert "in words" not in table.shown
    assert "nor for looking after each seed, as the verdicts are" in table.caption


def test_verdicts_on_an_earlier_winner_are_doubted(
    compared: StudyBuilder, storage: Storage
) -> None:
    _verdict(compared, "better", updated=START)
    storage.move("demo", "demo-confirm")
    compared.trial("KD", CASES["KD"], 9, 55.0)
    section = answer(load_study(storage, "demo"))
    assert section is not None
    warning = section.parts[2]
    assert isinstance(warning, Paragraph)
    assert warning.text.startswith("The verdicts are older than trials of this study")
    assert warning.is_warning


def test_other_studies_have_no_answer(
    new_study: Callable[..., StudyBuilder], storage: Storage
) -> None:
    new_study(cases=CASES)
    assert answer(load_study(storage, "demo")) is None


def test_a_study_shows_the_verdicts_of_the_one_that_confirms_it(
    compared: StudyBuilder, storage: Storage
) -> None:
    _verdict(compared, "better")
    storage.move("demo", "demo-confirm")
    compared.trial("KD", CASES["KD"], 9, 55.0)
    rows = ResultsStore(storage, "demo-confirm").rows("trials")
    for row, teacher in zip([row for row in rows if row["teacher"]], "ab", strict=False):
        ResultsStore(storage, "demo-confirm").write(
            "trials", row["trial"], [{**row, "teacher": teacher * 64}]
        )
    section = answer(load_study(storage, "demo"))
    assert section is not None
    _, said, warning, _, cost, _ = section.parts
    assert isinstance(said, Paragraph)
    assert said.text == "KD is better than CE."
    assert isinstance(warning, Paragraph)
    assert "learned from 3 teachers of one recipe" in warning.text
    assert isinstance(cost, Paragraph)
    assert "and to confirm (study demo) 8 trainings" in cost.text
