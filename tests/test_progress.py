"""What a person sees while a study runs."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from pckd.progress import Display, TrialsProgress
from pckd.settings import validate
from pckd.study.outcome import Outcome
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial

CASE = "kd=0.123, center_contrast=0.0512, feature_alignment=20.12, growth_rate=1.013"
RUN = {"data": {"name": "digits", "classes": [0, 1]}, "student": "resnet8", "teacher": "resnet8"}


@pytest.fixture(name="trials")
def _trials() -> list[Trial]:
    spec = validate(StudySpec, {"study": "hunt", "run": RUN}, "hunt")
    return [make_trial(spec, CASE, {}, seed) for seed in range(4)]


def _shown(trials: list[Trial], **console: Any) -> str:  # noqa: ANN401
    screen = io.StringIO()
    display = Display(Console(file=screen, **console))
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, "hunt", total=4, done=0, epochs=8)
        for trial in trials:
            progress.start(trial)
            progress.epoch(trial, 1, 50.0)
        for trial, value in zip(trials, (60.0, 90.0, 70.0), strict=False):
            progress.end(trial, Outcome("stopped", value))
        (overall,) = (task for task in bars.tasks if task.id == progress.overall)
        assert (overall.completed, overall.total) == (3 * 8 + 1, 4 * 8)
        bars.refresh()
    return screen.getvalue()


def test_a_narrow_terminal_keeps_the_bar_and_the_time_left(trials: list[Trial]) -> None:
    lines = _shown(trials, force_terminal=True, width=80).splitlines()
    last = next(line for line in reversed(lines) if "hunt" in line)
    assert "━" in last
    assert re.search(r"--:--|\d+:\d\d", last)
    assert "3/4 trials" in last


def test_elsewhere_there_is_a_line_for_each_trial_and_no_bar(trials: list[Trial]) -> None:
    lines = _shown(trials, force_terminal=False, width=80).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "60.00 %, the best so far",
        "90.00 %, the best so far",
        "70.00 %",
    ]
