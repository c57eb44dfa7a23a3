"""Calls of Tune to a plan's searcher, without Ray."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.tune.search import Searcher

from pckd.distributed.searcher import PlanSearcher
from pckd.storage import Storage
from pckd.study.plan import Plan, Planned
from pckd.study.results import ResultsStore
from pckd.study.trial import Trial, make_trial
from tests.distributed.conftest import tiny_study


class _Plan:
    """It proposes one trial whenever it is asked."""

    stop = None

    def __init__(self) -> None:
        self.planned: list[Planned] = []

    def next_trial(self) -> Trial:
        trial = make_trial(tiny_study(), "run", {}, 0)
        self.planned.append(Planned(trial, "", len(self.planned), {}))
        return trial


def _searcher(root: Path) -> PlanSearcher:
    return PlanSearcher(cast("Plan", _Plan()), Storage(root))


def test_a_trial_that_is_handed_out_has_a_row_before_it_starts(tmp_path: Path) -> None:
    rows: list[Any] = []
    for name in ("first", "again"):
        assert _searcher(tmp_path).suggest(name) != Searcher.FINISHED
        rows += ResultsStore(Storage(tmp_path), "tiny").read("trials").to_dict("records")
    assert (rows[0]["status"], rows[0]["epochs_done"]) == ("running", 0)
    assert rows[0]["started"] == rows[1]["started"] == rows[1]["updated"]


def test_what_is_proposed_is_in_the_plan_before_it_starts(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path)
    searcher.suggest("first")
    searcher.suggest("second")
    rows = ResultsStore(Storage(tmp_path), "tiny").read("plan")
    assert rows["position"].tolist() == [0, 1]
    assert rows["trial"].tolist() == [trial.identity for trial in searcher.running.values()]


def test_a_results_root_that_cannot_be_written_ends_the_study(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path)
    (tmp_path / "tiny").write_text("in the way")
    assert searcher.suggest("first") == Searcher.FINISHED
    assert searcher.interruption is not None
    assert not searcher.running


def test_a_results_root_that_is_lost_meanwhile_ends_the_study(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path)
    searcher.suggest("first")
    shutil.rmtree(tmp_path / "tiny")
    (tmp_path / "tiny").write_text("in the way")
    searcher.on_trial_complete("first", {"epoch": 1, "top1": 50.0})
    assert searcher.interruption is not None
    assert not searcher.running


@pytest.mark.parametrize("waits", [True, False])
def test_a_plan_that_has_no_trial_yet_is_asked_again(tmp_path: Path, waits: bool) -> None:
    plan = SimpleNamespace(planned=[], next_trial=lambda: None, waits=waits)
    searcher = PlanSearcher(cast("Plan", plan), Storage(tmp_path))
    assert (searcher.suggest("first") is None) == waits
    searcher.interruption = "the disk is full"
    assert searcher.suggest("second") == Searcher.FINISHED
