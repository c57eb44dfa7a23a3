"""The heads: their layers, their two forms of Eq. 4 against loops, and who gets a gradient."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pckd.method import Side, SingleProcess
from pckd.method.terms.center_contrast import PaperContrast, ReleaseContrast
from pckd.method.terms.feature_alignment import AlignmentHead

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

FORMS = {"paper": PaperContrast, "release": ReleaseContrast}
SHAPES = [
    {"images": 1, "copies": 1, "classes": 2, "student_width": 3, "teacher_width": 2},
    {"images": 5, "copies": 4, "classes": 3, "student_width": 4, "teacher_width": 6},
    {"images": 6, "copies": 1, "classes": 10, "student_width": 5, "teacher_width": 5},
]


def as_lists(tensors: Any) -> dict[str, Any]:  # noqa: ANN401
    """A state dict with nested lists instead of tensors."""
    return {name: value.tolist() for name, value in tensors.items()}


def test_the_alignment_head_is_byols_with_a_hidden_layer_of_16_teacher_widths() -> None:
    first, norm, activation, last = AlignmentHead(4, 6)
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    assert (first.in_features, first.out_features) == (4, 96)
    assert isinstance(norm, nn.BatchNorm1d) and norm.num_features == 96
    assert isinstance(activation, nn.ReLU)
    assert (last.in_features, last.out_features) == (96, 6)


def test_the_alignment_head_computes_what_the_oracle_does(oracle: ModuleType) -> None:
    head = AlignmentHead(4, 3, width_factor=2).double()
    rows = torch.randn(7, 4, dtype=torch.float64)
    expected = oracle.alignment_head(rows.tolist(), as_lists(head.state_dict()))
    torch.testing.assert_close(head(rows).tolist(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tau", [0.1, 4.0])
def test_center_contrast_is_the_oracles(
    oracle: ModuleType, make_batch: BatchMaker, form: str, shape: dict[str, int], tau: float
) -> None:
    student, teacher, labels = make_batch(**shape)
    head = FORMS[form](shape["student_width"], shape["teacher_width"], tau).double()
    value = head(student, teacher, labels, SingleProcess())
    networks = [
        oracle.Network(*(part.tolist() for part in each[:4])) for each in (student, teacher)
    ]
    loop = getattr(oracle, f"{form}_contrast")
    expected = loop(*networks, labels.tolist(), tau, as_lists(head.state_dict()))
    torch.testing.assert_close(value.tolist(), expected, rtol=1e-9, atol=1e-9)


def test_the_papers_form_projects_only_where_the_widths_differ() -> None:
    assert not list(PaperContrast(4, 4, 0.1).parameters())
    assert isinstance(PaperContrast(4, 6, 0.1).to_teacher, nn.Linear)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_reaches_features_centers_and_maps_but_not_the_teacher(
    make_batch: BatchMaker, form: str
) -> None:
    student, teacher, labels = make_batch(student_width=4, teacher_width=6)
    for value in (student.features, student.centers, teacher.features, teacher.centers):
        value.requires_grad_()
    head = FORMS[form](4, 6, 1.0).double()
    value = head(student, teacher, labels, SingleProcess())
    torch.autograd.backward(value.sum())
    for receiver in (student.features, student.centers, *head.parameters()):
        assert receiver.grad is not None and receiver.grad.any()
    assert teacher.features.grad is None and teacher.centers.grad is None


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_of_center_contrast_is_the_numerical_one(
    make_batch: BatchMaker, form: str
) -> None:
    """In the release's form a row matters as anchor and as another row's positive or negative."""
    student, teacher, labels = make_batch(images=3, copies=2, student_width=3, teacher_width=2)
    head = FORMS[form](3, 2, 1.0).double()

    def contrast(features: Tensor, centers: Tensor) -> Tensor:
        encoded = student._replace(features=features, centers=centers)
        value: Tensor = head(encoded, teacher, labels, SingleProcess())
        return value

    leaves = [student.features.requires_grad_(), student.centers.requires_grad_()]
    assert torch.autograd.gradcheck(contrast, leaves)


def test_a_process_alone_exchanges_with_nobody() -> None:
    value = torch.randn(3, requires_grad=True)
    alone = SingleProcess()
    assert alone.rank == 0
    assert alone.gather(value) is value
    assert torch.equal(alone.mean(value), value) and not alone.mean(value).requires_grad
