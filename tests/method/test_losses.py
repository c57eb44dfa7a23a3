"""Equations 1 to 4 against slow loops, and where their gradients go."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor

from pckd.method import Side
from pckd.method.terms.center_alignment import center_alignment
from pckd.method.terms.center_contrast import (
    center_contrast,
    center_similarity,
    supervised_contrast,
)
from pckd.method.terms.cross_entropy import cross_entropy
from pckd.method.terms.feature_alignment import feature_alignment
from pckd.method.terms.kd import distillation

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

SHAPES = [
    {"images": 1, "copies": 1, "classes": 2, "student_width": 1, "teacher_width": 2},
    {"images": 5, "copies": 4, "classes": 3, "student_width": 4, "teacher_width": 6},
    {"images": 7, "copies": 1, "classes": 10, "student_width": 6, "teacher_width": 3},
    {"images": 3, "copies": 4, "classes": 5, "student_width": 8, "teacher_width": 8},
]
TEMPERATURES = [0.5, 1.0, 4.0]

shapes = pytest.mark.parametrize("shape", SHAPES)
temperatures = pytest.mark.parametrize("temperature", TEMPERATURES)


def assert_same(value: Tensor, expected: object) -> None:
    """The value is the oracle's number or nested list of numbers, shape included."""
    torch.testing.assert_close(
        value.detach(), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9
    )


@shapes
def test_cross_entropy_is_the_oracles(
    oracle: ModuleType, make_batch: BatchMaker, shape: dict[str, int]
) -> None:
    student, _, labels = make_batch(**shape)
    rows = zip(student.logits[:, 0].tolist(), labels.tolist(), strict=True)
    expected = [oracle.cross_entropy(logits, label) for logits, label in rows]
    assert_same(cross_entropy(student.logits[:, 0], labels), expected)


@shapes
@temperatures
def test_distillation_is_the_oracles_squared_temperature_included(
    oracle: ModuleType, make_batch: BatchMaker, shape: dict[str, int], temperature: float
) -> None:
    student, teacher, _ = make_batch(**shape)
    ours, theirs = student.logits[:, 0], teacher.logits[:, 0]
    rows = zip(ours.tolist(), theirs.tolist(), strict=True)
    expected = [oracle.distillation(left, right, temperature) for left, right in rows]
    assert_same(distillation(ours, theirs, temperature), expected)


@shapes
def test_feature_alignment_is_the_squared_distance_of_unit_vectors(
    oracle: ModuleType, make_batch: BatchMaker, shape: dict[str, int]
) -> None:
    _, teacher, _ = make_batch(**shape)
    projected = torch.randn_like(teacher.features)
    expected = [
        [oracle.feature_alignment(ours, theirs) for ours, theirs in zip(*copies, strict=True)]
        for copies in zip(projected.tolist(), teacher.features.tolist(), strict=True)
    ]
    assert_same(feature_alignment(projected, teacher.features), expected)


@shapes
def test_center_alignment_is_the_mean_over_weights_and_biases(
    oracle: ModuleType, make_batch: BatchMaker, shape: dict[str, int]
) -> None:
    student, teacher, _ = make_batch(**{**shape, "student_width": shape["teacher_width"]})
    classifiers = student.centers, student.bias, teacher.centers, teacher.bias
    expected = oracle.center_alignment(*(value.tolist() for value in classifiers))
    assert_same(center_alignment(*classifiers), expected)


def test_center_alignment_refuses_classifiers_of_different_shapes(make_batch: BatchMaker) -> None:
    student, teacher, _ = make_batch(classes=3, student_width=4, teacher_width=6)
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(3, 6\)"):
        center_alignment(student.centers, student.bias, teacher.centers, teacher.bias)


@shapes
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_center_contrast_is_the_oracles(
    oracle: ModuleType, make_batch: BatchMaker, shape: dict[str, int], temperature: float
) -> None:
    student, _, labels = make_batch(**shape)
    centers = student.centers.tolist()
    expected = [
        [oracle.center_contrast(feature, centers, label, temperature) for feature in copies]
        for copies, label in zip(student.features.tolist(), labels.tolist(), strict=True)
    ]
    value = center_contrast(student.features, student.centers, labels, temperature)
    assert_same(value, expected)


def test_center_similarity_normalises_the_feature_and_keeps_the_length_of_the_centers() -> None:
    features = torch.tensor([[[3.0, 4.0]]], dtype=torch.float64)
    centers = torch.tensor([[10.0, 0.0], [0.0, 1.0], [-5.0, 5.0]], dtype=torch.float64)
    assert_same(center_similarity(features, centers), [[[6.0, 0.8, 1.0]]])


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (0, 3), (2, 6), (5, 8)])
@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_supervised_contrast_of_a_slice_of_the_pool_is_the_oracles(
    oracle: ModuleType, start: int, stop: int, temperature: float
) -> None:
    pool = torch.randn(8, 5, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    expected = [
        oracle.supervised_contrast(row, pool.tolist(), labels.tolist(), temperature)
        for row in range(start, stop)
    ]
    value = supervised_contrast(
        pool[start:stop], labels[start:stop], pool, labels, torch.arange(start, stop), temperature
    )
    assert_same(value, expected)


def test_supervised_contrast_leaves_the_anchor_itself_out() -> None:
    """A pair alone: the partner is the only candidate, so it is certain and the loss is 0."""
    pool = torch.randn(2, 5, dtype=torch.float64)
    labels = torch.tensor([1, 1])
    value = supervised_contrast(pool, labels, pool, labels, torch.arange(2), 4.0)
    assert_same(value, [0.0, 0.0])


def test_no_gradient_reaches_the_teacher(make_batch: BatchMaker) -> None:
    student, teacher, _ = make_batch()
    for value in (*student[:4], *teacher[:4]):
        value.requires_grad_()
    total = (
        distillation(student.logits[:, 0], teacher.logits[:, 0], 4.0).sum()
        + feature_alignment(student.features, teacher.features).sum()
        + center_alignment(student.centers, student.bias, teacher.centers, teacher.bias)
    )
    torch.autograd.backward(total)
    assert all(value.grad is not None for value in student[:4])
    assert all(value.grad is None for value in teacher[:4])


def test_gradients_are_the_numerical_ones(make_batch: BatchMaker) -> None:
    student, teacher, labels = make_batch(images=3, copies=2)
    features, logits, centers, bias = (value.requires_grad_() for value in student[:4])
    check = torch.autograd.gradcheck
    assert check(lambda z: cross_entropy(z[:, 0], labels), [logits])
    assert check(lambda z: distillation(z[:, 0], teacher.logits[:, 0], 4.0), [logits])
    assert check(lambda f: feature_alignment(f, teacher.features), [features])
    assert check(
        lambda w, b: center_alignment(w, b, teacher.centers, teacher.bias), [centers, bias]
    )
    assert check(lambda f, w: center_contrast(f, w, labels, 0.1), [features, centers])
    assert check(center_similarity, [features, centers])


def test_gradient_of_supervised_contrast_reaches_anchors_and_pool() -> None:
    pool = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    positions = torch.arange(2, 5)

    def contrast(rows: Tensor) -> Tensor:
        return supervised_contrast(rows[2:5], labels[2:5], rows, labels, positions, 4.0)

    assert torch.autograd.gradcheck(contrast, [pool])


def test_a_feature_of_zeros_gives_finite_values_and_gradients(make_batch: BatchMaker) -> None:
    """After a ReLU and pooling, a dead sample is a vector of zeros."""
    student, teacher, labels = make_batch()
    features = torch.zeros_like(student.features).requires_grad_()
    values = (
        feature_alignment(features, teacher.features),
        center_contrast(features, student.centers, labels, 0.1),
        center_similarity(features, student.centers),
    )
    total = torch.stack([value.sum() for value in values]).sum()
    torch.autograd.backward(total)
    assert total.isfinite()
    assert features.grad is not None and features.grad.isfinite().all()
