"""A term on given tensors: shapes, precision, and bad input as one sentence."""

from typing import Any

import numpy as np
import pytest
import torch

from pckd.errors import InputError
from pckd.testing import evaluate_term, term_values

RANDOM = np.random.default_rng(0)
STUDENT = {"features": RANDOM.normal(size=(3, 4)), "logits": RANDOM.normal(size=(3, 5))}
TEACHER = {"features": RANDOM.normal(size=(3, 6)), "logits": RANDOM.normal(size=(3, 5))}
LABELS = [0, 4, 2]


def test_arrays_keep_their_precision() -> None:
    value = evaluate_term("kd", student=STUDENT, teacher=TEACHER, labels=LABELS)
    assert value.dtype == torch.float64 and value.shape == ()
    single = {name: rows.astype(np.float32) for name, rows in STUDENT.items()}
    teacher = {name: rows.astype(np.float32) for name, rows in TEACHER.items()}
    assert evaluate_term("kd", student=single, teacher=teacher, labels=LABELS).dtype == (
        torch.float32
    )


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_as_in_training_and_returned(precision: torch.dtype) -> None:
    student, teacher = (
        {name: torch.as_tensor(rows, dtype=precision) for name, rows in side.items()}
        for side in (STUDENT, TEACHER)
    )
    leaf = student["logits"].requires_grad_()
    value = evaluate_term("kd", student=student, teacher=teacher, labels=LABELS)
    single = [{"logits": side["logits"].float()} for side in (student, teacher)]
    expected = evaluate_term("kd", student=single[0], teacher=single[1], labels=LABELS)
    assert torch.equal(value, expected.to(precision))
    (gradient,) = torch.autograd.grad(value, leaf)
    assert gradient.dtype == precision and gradient.any()


def test_none_stands_for_what_is_not_given() -> None:
    student = {**STUDENT, "maps": None, "bias": None}
    value = evaluate_term("kd", student=student, teacher=TEACHER, labels=LABELS, parts=None)
    assert value == evaluate_term("kd", student=STUDENT, teacher=TEACHER, labels=LABELS)


def test_of_two_precisions_the_wider_one_counts() -> None:
    teacher = {name: rows.astype(np.float32) for name, rows in TEACHER.items()}
    for student, theirs in ((STUDENT, teacher), (teacher, STUDENT)):
        value = evaluate_term("cc", student=student, teacher=theirs, labels=LABELS)
        assert value.dtype == torch.float64


def test_the_value_is_the_mean_of_the_values() -> None:
    values = term_values("rkd", student=STUDENT, teacher=TEACHER, labels=LABELS)
    assert values.shape == (3,)
    assert evaluate_term("rkd", student=STUDENT, teacher=TEACHER, labels=LABELS) == values.mean()


def test_copies_may_stand_behind_the_images() -> None:
    copies = {"features": STUDENT["features"][:, None].repeat(4, axis=1)}
    teacher = {"features": TEACHER["features"][:, None].repeat(4, axis=1)}
    values = term_values("feature_alignment", student=copies, teacher=teacher, labels=LABELS)
    assert values.shape == (3, 4)


def test_a_term_without_a_teacher_needs_none() -> None:
    value = evaluate_term("cross_entropy", student=STUDENT, labels=LABELS)
    logits = torch.as_tensor(STUDENT["logits"])
    torch.testing.assert_close(
        value, torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    )


def test_indices_point_into_the_memory_of_all_training_images() -> None:
    value = evaluate_term(
        "crd",
        student=STUDENT,
        teacher=TEACHER,
        labels=LABELS,
        indices=[7, 0, 11],
        parameters={"negatives": 3},
        parts={"student.memory": RANDOM.normal(size=(12, 128))},
    )
    assert value > 0


def test_a_gradient_flows_to_parts_that_are_given_and_they_stay_as_they_are() -> None:
    map_of = {"maps": [RANDOM.normal(size=(3, 4, 2, 2))]}
    scale = torch.full((4,), 2.0, dtype=torch.float64, requires_grad=True)
    mean = torch.zeros(4)
    given = {"embed.1.weight": scale, "embed.1.running_mean": mean}
    value = evaluate_term("ickd", student=map_of, teacher=map_of, labels=LABELS, parts=given)
    (gradient,) = torch.autograd.grad(value, scale)
    assert gradient.any() and not mean.any()


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.uint64])
def test_whole_numbers_of_any_kind_count(kind: type[np.integer[Any]]) -> None:
    labels = np.array(LABELS, dtype=kind)
    value = evaluate_term("dkd", student=STUDENT, teacher=TEACHER, labels=labels, indices=labels)
    assert value == evaluate_term("dkd", student=STUDENT, teacher=TEACHER, labels=LABELS)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"term": "dk"}, "dk is not a known term"),
        ({"parameters": {"temprature": 2}}, "temprature is not a known key.*temperature"),
        ({"parameters": {"temperature": -1}}, "temperature is -1"),
        ({"student": {"logits": STUDENT["logits"][:2]}}, "logits has the shape"),
        ({"student": {"logits": STUDENT["logits"][0]}}, "logits has the shape"),
        ({"student": {"features": STUDENT["features"]}}, "reads logits, which are not given"),
        ({"student": {"logit": STUDENT["logits"]}}, "logit is not known; allowed: features"),
        ({"teacher": None}, "reads the teacher, which is not given"),
        ({"term": "sp"}, "stage maps of the student, which are not given"),
        ({"term": "ft"}, "stage maps of the student, which are not given"),
        (
            {"term": "ft", "student": {"maps_before_relu": [torch.zeros(3, 2, 4, 4)]}},
            "stage maps of the student, which are not given",
        ),
        ({"student": {"maps": 1.0}}, "student.maps must be a list of tensors"),
        ({"student": [1.0]}, "student must be a mapping of names"),
        ({"parts": "many"}, "parts of KD must be a mapping of names"),
        (
            {"term": "cc", "parts": {"student_head.bias": None}},
            "parts: student_head.bias is no ten",
        ),
        ({"labels": [0, 5, 2]}, "labels go up to 5, but there are 5 classes"),
        ({"labels": [0.0, 1.0, 2.0]}, "labels must be whole numbers"),
        ({"labels": [0j, 1j, 2j]}, "labels must be whole numbers"),
        ({"labels": [[0], [4], [2]]}, "labels must be whole numbers"),
        ({"labels": []}, "labels must be whole numbers"),
        ({"indices": [0, 1]}, "indices are 2, but labels 3"),
        ({"term": "crd", "training_labels": [0, 4]}, "indices go up to 2, but training_labels"),
        ({"teacher": {"logits": RANDOM.normal(size=(3, 7))}}, "KD of these tensors: "),
        (
            {"term": "sskd"},
            r"SSKD of these tensors: .*; in training it gets 4 copies of each image",
        ),
        ({"teacher": {"logits": "many"}}, "logits is no tensor"),
        ({"student": {"bias": [[1.0]]}}, r"student.bias has the shape \(1, 1\): \[M\] is allowed"),
        ({"term": "cc", "parts": {"head": [1.0]}}, "head is not a part of"),
        ({"term": "cc", "parts": {"student_head.bias": [1.0]}}, "has the shape"),
        (
            {"term": "crd", "parts": {"student.memory": torch.zeros(12, 128)}},
            "student.memory has the shape .*; training_labels would say that there are 12",
        ),
    ],
)
def test_bad_input_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    given = {"term": "kd", "student": STUDENT, "teacher": TEACHER, "labels": LABELS, **changes}
    with pytest.raises(InputError, match=sentence) as caught:
        evaluate_term(given.pop("term"), **given)
    assert "\n" not in str(caught.value)
