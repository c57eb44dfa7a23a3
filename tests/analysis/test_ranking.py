from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pckd import Study
from pckd.analysis.loading import load_study
from pckd.analysis.numbers.ranking import completed, configurations, top_count
from pckd.errors import InputError

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
SEARCH = {"trials": 9, "parameters": {"loss.kd": {"low": 0.1, "high": 9.0, "log": True}}}


def test_configurations_are_ranked_by_their_mean_over_seeds(new_study: NewStudy) -> None:
    builder = new_study(search=SEARCH, seeds=[0, 1])
    for kd, top1 in ((1.0, [70.0, 74.0]), (2.0, [90.0, 80.0]), (3.0, [82.0, 82.0])):
        for seed in (0, 1):
            builder.trial(f"kd={kd:g}", {"loss.kd": kd}, seed, top1[seed])
    ranked = configurations(load_study(builder.storage, "demo"))
    assert ranked["loss.kd"].tolist() == [2.0, 3.0, 1.0]
    assert ranked["rank"].tolist() == [1, 2, 3]
    assert ranked["heldout_mean"].tolist() == pytest.approx([84.0, 81.0, 71.0])  # test less 1
    assert ranked["seeds"].tolist() == [2, 2, 2]
    study = Study(builder.storage, "demo")
    assert study.configurations().equals(ranked)
    assert study.best() == {"loss.kd.weight": 2.0}
    with pytest.raises(InputError, match="searches in no cases"):
        study.best("PCKD")


def test_only_complete_configurations_are_ranked(new_study: NewStudy) -> None:
    """A stopped one with the highest accuracy, a half done one and a failed one come after."""
    builder = new_study(search=SEARCH, seeds=[0, 1])
    for seed in (0, 1):
        builder.trial("done", {"loss.kd": 1.0}, seed, 60.0)
        builder.trial("stopped", {"loss.kd": 2.0}, seed, 99.0, "stopped")
        builder.trial("failed", {"loss.kd": 4.0}, seed, 98.0, ["completed", "failed"][seed])
    builder.trial("half", {"loss.kd": 3.0}, 0, 97.0)
    ranked = configurations(load_study(builder.storage, "demo"))
    assert completed(ranked)["case"].tolist() == ["done"]
    statuses = dict(zip(ranked["case"], ranked["status"], strict=True))
    assert statuses == {
        "done": "completed",
        "stopped": "stopped",
        "failed": "failed",
        "half": "running",
    }
    assert ranked["rank"].tolist() == [1, 0, 0, 0]


def test_names_that_look_alike_are_different_configurations(new_study: NewStudy) -> None:
    builder = new_study(search=SEARCH)
    builder.trial("kd=1", {"loss.kd": 1.00001}, 0, 60.0)
    builder.trial("kd=1", {"loss.kd": 1.00002}, 0, 80.0)
    assert len(configurations(load_study(builder.storage, "demo"))) == 2


def test_a_smaller_budget_is_no_equal_budget(new_study: NewStudy) -> None:
    search = {"trials": 9, "parameters": {"optimization.epochs": {"choices": [2, 4]}}}
    builder = new_study(search=search)
    builder.trial("short", {"optimization.epochs": 2}, 0, 80.0)
    builder.trial("long", {"optimization.epochs": 4}, 0, 70.0)
    ranked = configurations(load_study(builder.storage, "demo"))
    assert completed(ranked)["case"].tolist() == ["long"]
    assert ranked["status"].tolist() == ["completed", "smaller budget"]


@pytest.mark.parametrize(("count", "top"), [(0, 1), (1, 1), (7, 1), (8, 2), (10, 2), (50, 10)])
def test_the_top_share_is_a_fifth(count: int, top: int) -> None:
    assert top_count(count) == top
