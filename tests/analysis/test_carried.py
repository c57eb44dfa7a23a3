"""The sentence of a report on the points that a search took over from another study."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.ranking import configurations
from pckd.analysis.sections.carried import carried_over
from pckd.study.document import write_spec

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
KD = "loss.kd.weight"
SEARCH = {"trials": 12, "parameters": {KD: {"low": 0.1, "high": 20.0}}}


def _sentence(new_study: NewStudy, accuracies: dict[float, float], *, tried: bool = True) -> str:
    """After a search from the weights 1 and 2, and 10 more; others than these have 60 %."""
    builder = new_study(search={**SEARCH, "from": {"study": "other", "points": 2}})
    for weight in range(1, 13):
        top1 = accuracies.get(weight, 60.0)
        status = "stopped" if top1 < 20 else "completed"
        if tried or weight > 2:
            builder.trial(f"kd={weight}", {KD: float(weight)}, 0, top1, status)
    carried = {"": [{KD: 1.0}, {KD: 2.0}]}
    write_spec(builder.spec, builder.storage, carried=carried)
    study = load_study(builder.storage, builder.spec.study)
    return carried_over(study, configurations(study))


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ({1: 70.0}, "number 1 of the 12 configurations that completed here: its weights carried"),
        ({2: 65.0, 5: 66.0}, "number 2 of the 12 .* here, 1.00 points below the best: .* carried"),
        ({1: 50.0, 2: 40.0}, "number 11 of the 12 .* 10.00 points below .* did not carry over"),
        ({1: 10.0, 2: 10.0}, "None of them completed here: its weights did not carry over"),
        ({1: 10.0, 2: 70.0}, "number 1 of the 11 .* weights carried over"),
    ],
)
def test_a_report_says_whether_weights_carried_over(
    new_study: NewStudy, accuracies: dict[float, float], expected: str
) -> None:
    sentence = _sentence(new_study, accuracies)
    assert sentence.startswith("It started from 2 points of study other.")
    assert re.search(expected, sentence)


def test_nothing_is_said_before_the_points_have_ended(new_study: NewStudy) -> None:
    assert _sentence(new_study, {}, tried=False).endswith(
        "Not all of them were tried to their end."
    )


def test_a_search_that_took_none_says_nothing(new_study: NewStudy) -> None:
    builder = new_study(search=SEARCH)
    builder.trial("kd=1", {KD: 1.0}, 0)
    study = load_study(builder.storage, builder.spec.study)
    assert not carried_over(study, configurations(study))
