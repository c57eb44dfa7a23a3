"""Properties of Eq. 8 for every batch: its order, its gradients, its precision."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pckd.method import STRATEGIES, Difficulty, ObjectiveValue, Side
from pckd.method.terms.cross_entropy import cross_entropy
from pckd.method.terms.kd import distillation
from tests.method.pckd_objective import PCKD, TERMS

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

LIMIT = 1.05
IMAGES = 6
forms = pytest.mark.parametrize("form", ["paper", "release"])


def make_objective(
    form: str,
    *,
    teacher_width: int = 4,
    dtype: torch.dtype = torch.float64,
    **options: Any,  # noqa: ANN401
) -> PCKD:
    """All terms of Eq. 8 that the widths allow, each with weight 1."""
    active = TERMS if teacher_width == 4 else TERMS[:-1]
    own: dict[str, dict[str, Any]] = {
        "center_contrast": {"form": form, "temperature": 1.0},
        "feature_alignment": {"width": 2},
    }
    weights = dict.fromkeys(active, 1.0)
    return PCKD(weights, own, teacher_width=teacher_width, **options).to(dtype)


def converted(encoded: Side, dtype: torch.dtype) -> Side:
    features, logits, centers, bias = (value.to(dtype) for value in encoded[:4])
    return Side(features, logits, centers, bias)


def values_of(objective: ObjectiveValue) -> list[Tensor]:
    return [objective.total, *objective.terms.values(), *objective.statistics]


@forms
@given(order=st.permutations(range(IMAGES)), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_batch_does_not_matter(
    make_batch: BatchMaker, form: str, order: Sequence[int], seed: int
) -> None:
    student, teacher, labels = make_batch(images=IMAGES, seed=seed)
    shuffled = [
        Side(each.features[order], each.logits[order], each.centers, each.bias)
        for each in (student, teacher)
    ]
    objective = make_objective(form)
    plain = values_of(objective(student, teacher, labels, LIMIT))
    other = values_of(objective(*shuffled, labels[order], LIMIT))
    torch.testing.assert_close(other, plain, rtol=1e-10, atol=1e-10)


@forms
@pytest.mark.parametrize("teacher_width", [4, 6])
def test_gradient_reaches_the_student_and_the_heads_and_never_the_teacher(
    make_batch: BatchMaker, form: str, teacher_width: int
) -> None:
    student, teacher, labels = make_batch(teacher_width=teacher_width)
    for value in (*student[:4], *teacher[:4]):
        value.requires_grad_()
    objective = make_objective(form, teacher_width=teacher_width)
    torch.autograd.backward(objective(student, teacher, labels, LIMIT).total)
    assert all(value.grad is None for value in teacher[:4])
    for receiver in list(student[:4])[: 4 if teacher_width == 4 else 3]:
        assert receiver.grad is not None and receiver.grad.any()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.dim() == 1 or parameter.grad.any(), name


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_gradient_flows_through_the_weights_of_the_samples(
    make_batch: BatchMaker, strategy: str
) -> None:
    """The gradient is that of the same sum with the weights written in as constants."""
    student, teacher, labels = make_batch(images=8)
    logits = student.logits.requires_grad_()
    objective = PCKD({"kd": 1.0}, weigh=STRATEGIES[strategy])
    (gradient,) = torch.autograd.grad(objective(student, teacher, labels, LIMIT).total, logits)
    entropy = cross_entropy(logits[:, 0], labels).detach()
    sample = Difficulty(entropy / entropy.mean(), LIMIT, torch.exp(-entropy))
    constants = torch.tensor(STRATEGIES[strategy](sample).tolist(), dtype=torch.float64)
    divergence = distillation(logits[:, 0], teacher.logits[:, 0], 4.0)
    (expected,) = torch.autograd.grad((constants * divergence).mean(), logits)
    torch.testing.assert_close(gradient, expected)
    assert gradient.any()


def test_what_a_weighting_sees_carries_no_gradient(make_batch: BatchMaker) -> None:
    """So no weighting, also one of the user's own, can send a gradient through its weights."""
    student, _, labels = make_batch()
    student.logits.requires_grad_()
    seen: list[Difficulty] = []

    def weighting(sample: Difficulty) -> Tensor:
        seen.append(sample)
        return sample.gamma

    PCKD({"cross_entropy": 1.0}, weigh=weighting)(student, None, labels, LIMIT)
    (sample,) = seen
    assert sample.threshold == LIMIT
    assert not sample.gamma.requires_grad and not sample.label_probability.requires_grad


@forms
def test_only_the_upright_copy_of_the_logits_counts(make_batch: BatchMaker, form: str) -> None:
    student, teacher, labels = make_batch()
    logits = student.logits.requires_grad_()
    value = make_objective(form)(student, teacher, labels, LIMIT)
    (gradient,) = torch.autograd.grad(value.total, logits)
    assert gradient[:, 0].any() and not gradient[:, 1:].any()


@forms
def test_under_autocast_half_precision_is_computed_in_full(
    make_batch: BatchMaker, form: str
) -> None:
    *networks, labels = make_batch(images=8, dtype=torch.float32)
    halves = [converted(each, torch.bfloat16) for each in networks]
    objective = make_objective(form, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = values_of(objective(*halves, labels, LIMIT))
    rounded = [converted(each, torch.float32) for each in halves]
    assert all(each.dtype == torch.float32 and each.isfinite() for each in value)
    torch.testing.assert_close(value, values_of(objective(*rounded, labels, LIMIT)))
    exact = objective(*networks, labels, LIMIT).total
    torch.testing.assert_close(value[0], exact, rtol=0.03, atol=0)


@forms
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_extreme_logits_give_finite_values_and_gradients(
    make_batch: BatchMaker, form: str, strategy: str
) -> None:
    student, teacher, labels = make_batch(dtype=torch.float32)
    loud = [each._replace(logits=each.logits.sign() * 1e4) for each in (student, teacher)]
    loud[0].logits.requires_grad_()
    objective = make_objective(form, dtype=torch.float32, weigh=STRATEGIES[strategy])
    value = objective(*loud, labels, LIMIT)
    (gradient,) = torch.autograd.grad(value.total, loud[0].logits)
    assert all(each.isfinite() for each in values_of(value))
    assert gradient.isfinite().all()
    exact = objective.double()(*(converted(each, torch.float64) for each in loud), labels, LIMIT)
    torch.testing.assert_close(value.total.double(), exact.total, rtol=1e-5, atol=0)
