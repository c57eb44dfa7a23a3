"""Display of a running study."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from pckd.progress import Display, TrialsProgress
from pckd.settings import validate
from pckd.study.outcome import Outcome
from pckd.study.plan import FixedPlan, Planned, fixed_plan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial

CASE = "kd=0.123, center_contrast=0.0512, feature_alignment=20.12, growth_rate=1.013"
RUN = {
    "data": {"name": "digits", "classes": [0, 1]},
    "student": "resnet8",
    "teacher": "resnet8",
    "optimization": {"epochs": 8},
}


@pytest.fixture(name="planned")
def _planned() -> list[Planned]:
    spec = validate(
        StudySpec, {"study": "hunt", "run": RUN, "cases": {CASE: {}}, "seeds": [0, 1, 2, 3]}, "hunt"
    )
    return fixed_plan(spec)


@pytest.fixture(name="trials")
def _trials(planned: list[Planned]) -> list[Trial]:
    return [item.trial for item in planned]


def _shown(planned: list[Planned], **console: Any) -> str:  # noqa: ANN401
    trials = [item.trial for item in planned]
    screen = io.StringIO()
    display = Display(Console(file=screen, **console))
    with display.bars() as bars:
        plan = FixedPlan(planned, {})
        progress = TrialsProgress(display, bars, "hunt", plan)
        for trial in trials:
            progress.start(trial)
            progress.epoch(trial, 1, 50.0)
        for trial, value in zip(trials, (60.0, 90.0, 70.0), strict=False):
            progress.end(trial, Outcome("stopped", value))
        (overall,) = (task for task in bars.tasks if task.id == progress.overall)
        assert (overall.completed, overall.total) == (3 + 1 / 8, 4)
        bars.refresh()
    return screen.getvalue()


def test_a_narrow_terminal_keeps_the_bar_and_the_time_left(planned: list[Planned]) -> None:
    lines = _shown(planned, force_terminal=True, width=80).splitlines()
    last = next(line for line in reversed(lines) if "hunt" in line)
    assert "━" in last
    assert re.search(r"--:--|\d+:\d\d", last)
    assert "3/4 trials" in last


def test_elsewhere_there_is_a_line_for_each_trial_and_no_bar(planned: list[Planned]) -> None:
    lines = _shown(planned, force_terminal=False, width=80).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "60.00 %, the best so far",
        "90.00 %, the best so far",
        "70.00 %",
    ]


def test_what_earlier_runs_did_counts(planned: list[Planned], trials: list[Trial]) -> None:
    screen = io.StringIO()
    display = Display(Console(file=screen, width=200))
    earlier = {
        trials[0].identity: Outcome("completed", 80.0),
        trials[1].identity: Outcome("failed", None, "it diverged"),
    }
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, "hunt", FixedPlan(planned, earlier))
        assert progress.summary().startswith("2/4 trials, 0 running, 1 failed, best 80.00 %")
        progress.start(trials[2])
        progress.end(trials[2], Outcome("completed", 70.0))
        (overall,) = (task for task in bars.tasks if task.id == progress.overall)
        assert (overall.completed, overall.total) == (1, 2)
    name = f"resnet8 -> resnet8, {CASE}, seed 2"
    assert screen.getvalue() == f"3/4 completed {name}: 70.00 %\n"


def test_the_total_follows_a_plan_that_leaves_trials_out(
    planned: list[Planned], trials: list[Trial]
) -> None:
    display = Display(Console(file=io.StringIO()))
    plan = FixedPlan(planned, {})
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, "hunt", plan)
        plan.total = 3
        progress.start(trials[0])
        assert progress.summary() == "0/3 trials, 1 running"
        (overall,) = (task for task in bars.tasks if task.id == progress.overall)
        assert overall.total == 3


def test_a_trial_counts_once_whatever_its_epochs() -> None:
    cases = {"short": {"optimization.epochs": 2}, "long": {"optimization.epochs": 6}}
    values = {"study": "hunt", "run": RUN, "cases": cases}
    planned = fixed_plan(validate(StudySpec, values, "hunt"))
    display = Display(Console(file=io.StringIO()))
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, "hunt", FixedPlan(planned, {}))
        for item in planned:
            progress.start(item.trial)
            progress.epoch(item.trial, 1, 50.0)
        overall, short, long = bars.tasks
        assert (short.total, long.total) == (2, 6)
        assert overall.completed == pytest.approx(1 / 2 + 1 / 6)
        progress.end(planned[1].trial, Outcome("stopped", 50.0))
        assert overall.completed == pytest.approx(1 / 2 + 1)
