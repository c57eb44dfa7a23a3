"""Inputs at which the sources' code, or an easy mistake, gives numbers that are of no use."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pckd.method.logits import standardised
from pckd.method.terms.dkd import DKD, DKDConfig, decoupled
from pckd.method.terms.mld import share_up_to_median
from pckd.testing import evaluate_term
from pckd.testing.cases import PAIRS, Case
from tests.method.terms.formulas import cosines, sines


def of_features(term: str, student: Tensor, teacher: Tensor, **settings: Any) -> Tensor:  # noqa: ANN401
    return evaluate_term(
        term,
        student={"features": student},
        teacher={"features": teacher},
        labels=torch.zeros(len(student), dtype=torch.long),
        parameters=settings,
    )


def test_a_label_far_ahead_of_the_others_keeps_dkd_finite() -> None:
    logits = torch.tensor([[120.0, 0.0, -1.0]], requires_grad=True)
    teacher, label = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([0])
    value = decoupled(logits, teacher, label, alpha=1.0, beta=8.0, temperature=1.0).sum()
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite() and gradient.isfinite().all() and gradient.any()


def test_with_two_classes_dkd_has_no_other_classes() -> None:
    logits, teacher = sines(0, 4, 2), cosines(0, 4, 2)
    labels = torch.tensor([0, 1, 0, 1])
    others = decoupled(logits, teacher, labels, alpha=0.0, beta=1.0, temperature=2.0)
    assert torch.equal(others, torch.zeros_like(others))


def test_distillation_is_its_two_decoupled_parts() -> None:
    """KL = TCKD + (1 - p_t[y]) NCKD."""
    logits, teacher, labels = sines(0, 4, 5), cosines(0, 4, 5), torch.arange(4)
    target, others = (
        decoupled(logits, teacher, labels, alpha=alpha, beta=1 - alpha, temperature=1.0)
        for alpha in (1.0, 0.0)
    )
    rest = 1 - teacher.softmax(1).gather(1, labels[:, None]).squeeze(1)
    divergence = evaluate_term(
        "kd",
        student={"logits": logits},
        teacher={"logits": teacher},
        labels=labels,
        parameters={"temperature": 1},
    )
    torch.testing.assert_close((target + rest * others).mean(), divergence)


def test_the_warm_up_of_dkd_rises_from_the_first_epoch_to_the_weight() -> None:
    config = DKDConfig(weight=2.0, warm_up=4)
    term = Case(DKD, config, PAIRS[0]).build()
    assert [term.weight_at(epoch) for epoch in (1, 2, 4, 5, 240)] == [0.5, 1.0, 2.0, 2.0, 2.0]


def test_gradients_of_rkd_with_two_equal_students() -> None:
    features = sines(0, 5, 6)[[0, 1, 2, 1, 4]].requires_grad_()
    (gradient,) = torch.autograd.grad(of_features("rkd", features, cosines(0, 5, 8)), features)
    expected = torch.tensor([3.97249, 0.661738, 0.343188, 3.58622, 1.95276])
    torch.testing.assert_close(gradient.abs().sum(1).float(), expected, rtol=1e-5, atol=1e-6)


def test_gradients_of_pkt_with_a_student_of_no_length() -> None:
    zero = torch.tensor([2])
    features = sines(0, 4, 6).index_fill(0, zero, 0.0).requires_grad_()
    (gradient,) = torch.autograd.grad(of_features("pkt", features, cosines(0, 4, 8)), features)
    expected = torch.tensor([0.0188790, 0.00122138, 0.0, 0.0180823])
    torch.testing.assert_close(gradient.abs().sum(1).float(), expected, rtol=1e-5, atol=1e-8)


def test_the_gradient_of_sp_for_a_sample_of_zeros() -> None:
    zero = torch.tensor([2])
    maps = sines(0, 4, 3, 2, 2).index_fill(0, zero, 0.0).requires_grad_()
    value = evaluate_term(
        "sp",
        student={"maps": [maps]},
        teacher={"maps": [cosines(0, 4, 3, 2, 2)]},
        labels=torch.arange(4),
    )
    (gradient,) = torch.autograd.grad(value, maps)
    assert float(gradient[2].abs().sum()) == pytest.approx(0.146944, rel=1e-5)


@pytest.mark.parametrize("term", ["rkd", "pkt", "cc"])
def test_one_image_alone_has_no_relations(term: str) -> None:
    features = sines(0, 1, 6).requires_grad_()
    value = of_features(term, features, cosines(0, 1, 8))
    (gradient,) = torch.autograd.grad(value, features)
    assert value.item() == pytest.approx(0.0, abs=1e-12)
    assert not gradient.any()


@pytest.mark.parametrize("term", ["sp", "rkd", "pkt"])
def test_value_is_zero_for_a_student_like_its_teacher(term: str) -> None:
    rows = sines(0, 4, 6)
    side = {"features": rows, "maps": [rows.view(4, 6, 1, 1)]}
    value = evaluate_term(term, student=side, teacher=side, labels=torch.arange(4))
    assert value.item() == pytest.approx(0.0, abs=1e-12)


def test_equal_logits_stay_zero_and_get_no_gradient() -> None:
    logits = torch.full((2, 5), 3.0, requires_grad=True)
    value = standardised(logits)
    (gradient,) = torch.autograd.grad(value.sum() + value[0, 0], logits)
    assert not value.any() and not gradient.any()


@pytest.mark.parametrize(
    ("values", "share"), [([1, 2, 3, 4], 0.5), ([1, 2, 3], 2 / 3), ([1, 1, 1, 0], 1.0), ([5], 1.0)]
)
def test_the_share_up_to_the_median_counts_ties(values: list[float], share: float) -> None:
    assert share_up_to_median(torch.tensor(values, dtype=torch.float64)).item() == share
