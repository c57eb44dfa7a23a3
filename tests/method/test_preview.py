"""Equations 5 to 7 and the alternatives: against loops, and what must hold for every batch."""

import math
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pckd.method import STRATEGIES, Difficulty, threshold, weighting

entropies = st.lists(st.floats(1e-3, 50.0), min_size=1, max_size=16)
thresholds = st.floats(1.0, 4.0)
dtypes = st.sampled_from([torch.float32, torch.float64])
every_batch = settings(max_examples=50, deadline=None)


def difficulty_of(cross_entropy: list[float], threshold: float, dtype: torch.dtype) -> Difficulty:
    """The samples of a batch as a weighting sees them; everything could carry a gradient."""
    values = torch.tensor(cross_entropy, dtype=dtype, requires_grad=True)
    gamma = weighting.difficulty(values, values.mean())
    return Difficulty(gamma, threshold, torch.exp(-values))


def weights_of(strategy: str, sample: Difficulty) -> list[float]:
    values: list[float] = STRATEGIES[strategy](sample).tolist()
    return values


@given(entropies)
@every_batch
def test_difficulty_is_the_oracles(oracle: ModuleType, values: list[float]) -> None:
    sample = difficulty_of(values, 1.0, torch.float64)
    assert sample.gamma.tolist() == pytest.approx(oracle.difficulties(values), rel=1e-12)


@given(entropies, thresholds, st.sampled_from(sorted(STRATEGIES)))
@every_batch
def test_weights_are_the_oracles(
    oracle: ModuleType, values: list[float], limit: float, strategy: str
) -> None:
    sample = difficulty_of(values, limit, torch.float64)
    pairs = zip(sample.gamma.tolist(), values, strict=True)
    expected = [oracle.sample_weight(strategy, gamma, limit, math.exp(-ce)) for gamma, ce in pairs]
    assert weights_of(strategy, sample) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_four_strategies_have_their_names() -> None:
    assert set(STRATEGIES) == {"preview", "none", "curriculum", "focal"}


@given(entropies)
@every_batch
def test_the_mean_difficulty_is_one(values: list[float]) -> None:
    sample = difficulty_of(values, 1.0, torch.float64)
    assert sample.gamma.mean().item() == pytest.approx(1.0, rel=1e-12)


@given(entropies, st.floats(1e-3, 1e3))
@every_batch
def test_difficulty_does_not_depend_on_the_scale_of_the_loss(
    values: list[float], scale: float
) -> None:
    plain = difficulty_of(values, 1.0, torch.float64)
    scaled = difficulty_of([scale * value for value in values], 1.0, torch.float64)
    torch.testing.assert_close(scaled.gamma, plain.gamma, rtol=1e-9, atol=0)


def test_a_batch_without_any_loss_is_of_average_difficulty() -> None:
    assert difficulty_of([0.0, 0.0], 1.0, torch.float32).gamma.tolist() == [1.0, 1.0]


@given(entropies, thresholds, dtypes)
@every_batch
def test_preview_weights_are_above_zero_and_at_most_one(
    values: list[float], limit: float, dtype: torch.dtype
) -> None:
    weights = weights_of("preview", difficulty_of(values, limit, dtype))
    assert all(0 < weight <= 1 for weight in weights)


def test_the_weight_of_a_sample_hundreds_of_times_harder_than_average_is_not_zero() -> None:
    """exp(-gamma^2) underflows here."""
    for dtype in (torch.float32, torch.float64):
        *_, hardest = weights_of("preview", difficulty_of([1e-3] * 500 + [50.0], 1.0, dtype))
        assert 0 < hardest < 1e-30


@given(entropies, dtypes)
@every_batch
def test_once_the_threshold_passes_the_hardest_sample_all_count_fully(
    values: list[float], dtype: torch.dtype
) -> None:
    limit = difficulty_of(values, 0.0, dtype).gamma.max().item()
    sample = difficulty_of(values, limit, dtype)
    assert set(weights_of("preview", sample)) == {1.0}
    assert set(weights_of("curriculum", sample)) == {1.0}


@given(entropies, thresholds)
@every_batch
def test_hard_samples_count_less_than_easy_ones_in_preview(
    values: list[float], limit: float
) -> None:
    sample = difficulty_of(values, limit, torch.float64)
    for gamma, weight in zip(sample.gamma.tolist(), weights_of("preview", sample), strict=True):
        assert weight == 1.0 if gamma <= limit else weight < math.exp(-1)


@given(entropies, thresholds)
@every_batch
def test_curriculum_takes_a_sample_or_leaves_it(values: list[float], limit: float) -> None:
    sample = difficulty_of(values, limit, torch.float64)
    assert set(weights_of("curriculum", sample)) <= {0.0, 1.0}


@given(entropies)
@every_batch
def test_focal_weights_grow_with_difficulty_and_ignore_the_threshold(values: list[float]) -> None:
    weights = weights_of("focal", difficulty_of(sorted(values), 1.0, torch.float64))
    assert weights == sorted(weights)
    assert all(0 <= weight <= 1 for weight in weights)
    assert weights == weights_of("focal", difficulty_of(sorted(values), 9.0, torch.float64))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_no_weight_carries_a_gradient(strategy: str) -> None:
    sample = difficulty_of([0.1, 0.5, 3.0], 1.0, torch.float64)
    assert sample.label_probability.requires_grad
    assert not sample.gamma.requires_grad
    weight: Tensor = STRATEGIES[strategy](sample)
    assert not weight.requires_grad


@pytest.mark.parametrize(
    ("growth_rate", "epoch", "expected"),
    [(1.005, 1, 1.005), (1.005, 2, 1.010025), (1.015, 3, 1.045678375), (1.0, 240, 1.0)],
)
def test_threshold_is_the_growth_rate_to_the_epoch(
    growth_rate: float, epoch: int, expected: float
) -> None:
    assert threshold(growth_rate, epoch) == pytest.approx(expected, rel=1e-12)


@given(st.floats(1.0, 1.5), st.integers(1, 300))
@every_batch
def test_threshold_never_falls_while_training_goes_on(growth_rate: float, epoch: int) -> None:
    assert threshold(growth_rate, epoch + 1) >= threshold(growth_rate, epoch) >= 1.0
