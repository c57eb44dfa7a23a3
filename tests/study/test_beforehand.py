"""Lines that a teacher's training says."""

import pytest

from pckd.study.beforehand import epoch_text
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial

RUN = {"data": "digits", "student": "resnet8", "method": "cross_entropy"}


@pytest.mark.parametrize(
    ("epoch", "seconds", "left"),
    [
        (1, 0.5, ", about 2 seconds left"),
        (1, 60, ", about 4 minutes left"),
        (4, 3600, ", about 60 minutes left"),
        (2, 3600, ", about 3.0 hours left"),
        (5, 60, ""),
        (1, 0.1, ""),
    ],
)
def test_an_epoch_says_what_is_left(epoch: int, seconds: float, left: str) -> None:
    spec = StudySpec.model_validate({"study": "example", "run": RUN})
    config = spec.run_config({"optimization.epochs": 5}, "test")
    text = epoch_text(Trial("teachers", "", {}, config, "abc"), epoch, 33.3, seconds)
    assert text == f"resnet8: epoch {epoch} of 5, top-1 33.30 %{left}"
