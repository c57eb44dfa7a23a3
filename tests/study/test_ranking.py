"""The order of configurations, by which everybody takes the best."""

import pytest

from pckd.study.ranking import Ran, best_first, standing

BUDGET = 20


def completed(*accuracies: float, epochs: int = BUDGET) -> list[Ran]:
    return [Ran("completed", top1, epochs) for top1 in accuracies]


def test_the_mean_over_the_seeds_orders_and_equal_ones_stand_by_name() -> None:
    runs = {"c": completed(50, 60), "a": completed(55, 55), "b": completed(70, 41)}
    assert best_first(runs, 2) == ["b", "a", "c"]


def test_fewer_epochs_are_another_budget_and_win_nothing() -> None:
    runs = {"short": completed(90, 90, epochs=5), "full": completed(50, 60)}
    assert best_first(runs, 2) == ["full"]
    assert standing(runs["short"], 2, BUDGET) == "smaller budget"


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        (completed(50), "running"),
        ([Ran("completed", None, BUDGET), *completed(50)], "running"),
        ([Ran("stopped", 99, BUDGET), *completed(50)], "stopped"),
        ([Ran("stopped", 99, BUDGET), Ran("failed", None, BUDGET)], "failed"),
    ],
)
def test_what_is_not_complete_is_not_ranked(trials: list[Ran], said: str) -> None:
    assert standing(trials, 2, BUDGET) == said
    assert best_first({"it": trials}, 2) == []
