"""What stopped configurations are expected to reach, on functions whose importances are known."""

import numpy as np
import pandas as pd
import pytest

from pckd.analysis.numbers.budget import at_full_budget
from pckd.analysis.numbers.importance import importances
from pckd.analysis.numbers.ranking import completed
from pckd.analysis.search_space import SearchedKey

SPACE = [SearchedKey(name) for name in ("strong", "square", "weak", "none")]
EPOCHS = 27


def accuracies(points: np.ndarray) -> np.ndarray:
    """At full budget: additive, so that each share of the variance is known."""
    return np.asarray(60 + 6 * points[:, 0] + 6 * points[:, 1] ** 2 + 1.5 * points[:, 2])


def halved(seed: int, count: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """A search by asynchronous halving, its epochs, and the accuracies nobody saw.

    A curve rises to its end with a time constant of four epochs, with noise of 0.4 points; at
    epochs 3 and 9 the best third of those seen so far goes on.
    """
    draws = np.random.default_rng(seed)
    points = draws.uniform(0, 1, (count, 4))
    growth = 1 - 0.6 * np.exp(-np.arange(1, EPOCHS + 1) / 4)
    curves = accuracies(points)[:, None] * growth + 0.4 * draws.normal(size=(count, EPOCHS))
    seen: dict[int, list[float]] = {3: [], 9: []}
    ends = []
    for curve in curves:
        end = EPOCHS
        for rung, values in seen.items():
            values.append(curve[rung - 1])
            if len(values) > 2 and curve[rung - 1] < np.quantile(values, 2 / 3):
                end = rung
                break
        ends.append(end)
    names = [f"t{number}" for number in range(count)]
    ranked = pd.DataFrame(points, columns=[parameter.key for parameter in SPACE]).assign(
        trials=pd.Series([[name] for name in names], dtype=object),
        status=["completed" if end == EPOCHS else "stopped" for end in ends],
        heldout_mean=[curve[end - 1] for curve, end in zip(curves, ends, strict=True)],
    )
    rows = [
        {"trial": name, "epoch": epoch, "top1": curve[epoch - 1]}
        for name, curve, end in zip(names, curves, ends, strict=True)
        for epoch in range(1, end + 1)
    ]
    return ranked, pd.DataFrame(rows), curves[:, -1]


def shares(rows: pd.DataFrame) -> np.ndarray:
    found = importances(rows, SPACE, resamples=1)
    return found.loc[found["method"] == "fANOVA", "importance"].to_numpy()


def test_stopped_configurations_give_back_the_importances_of_a_search_without_stopping() -> None:
    ranked, epochs, ends = halved(0, 80)
    full = shares(ranked.assign(heldout_mean=ends))
    used = at_full_budget(ranked, epochs)
    assert len(used) == 80 and len(completed(ranked)) < 20
    assert np.abs(shares(used) - full).max() < 0.08
    assert np.abs(shares(ranked) - full).max() > np.abs(shares(used) - full).max()


def test_what_is_expected_is_near_what_it_would_have_been() -> None:
    ranked, epochs, ends = halved(1, 150)
    used = at_full_budget(ranked, epochs)
    is_stopped = (used["status"] == "stopped").to_numpy()
    errors = (used["heldout_mean"].to_numpy() - ends)[is_stopped]
    assert abs(errors.mean()) < 1.0
    assert errors.std() < 1.0
    raw = ranked["heldout_mean"].to_numpy() - ends
    assert raw[is_stopped].mean() < -5.0


def test_completed_configurations_stay_as_they_are() -> None:
    ranked, epochs, _ = halved(2, 60)
    used = at_full_budget(ranked, epochs)
    pd.testing.assert_frame_equal(completed(used), completed(ranked))


def test_where_too_few_went_on_the_stopped_are_left_out() -> None:
    ranked, epochs, _ = halved(0, 150)
    first = completed(ranked).index[4:]
    fewer = ranked.drop(index=first)
    fewer = fewer[fewer["trials"].map(lambda trials: (epochs["trial"] == trials[0]).sum() != 9)]
    assert at_full_budget(fewer, epochs)["status"].unique().tolist() == ["completed"]


def test_a_search_without_stopping_is_used_as_it_is() -> None:
    ranked, epochs, _ = halved(0, 30)
    done = completed(ranked)
    pd.testing.assert_frame_equal(at_full_budget(done, epochs), done)
    assert at_full_budget(ranked.iloc[:0], epochs).empty


@pytest.mark.parametrize("status", ["failed", "running"])
def test_failed_and_running_configurations_never_count(status: str) -> None:
    ranked, epochs, _ = halved(0, 30)
    assert at_full_budget(ranked.assign(status=status), epochs).empty
