"""Worked values of the methods' specification: term, inputs, value, sum of |gradient|."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pckd.method import NetworkShape, Task
from pckd.method.relations import unit
from pckd.method.terms.crd import CRD, CRDConfig, OtherClasses
from pckd.method.terms.mld import batch_level, class_level, sample_level
from pckd.testing import evaluate_term
from pckd.testing.given import given_side, given_step
from tests.method.terms.formulas import cosines, gradient_size, parts, sines

LABELS = torch.arange(4) % 5
LOGITS = {"logits": 3 * sines(0, 4, 5)}, {"logits": 3 * cosines(0, 4, 5)}


class Worked(NamedTuple):
    """One worked value."""

    term: str
    student: Mapping[str, Any]
    teacher: Mapping[str, Any]
    parameters: Mapping[str, Any]
    value: float
    gradient: float
    """With respect to all student inputs; nan where none is printed."""
    learned: Mapping[str, Tensor] = {}


def with_zero(rows: Tensor, place: int) -> Tensor:
    """The rows with one set to 0."""
    return rows.index_fill(0, torch.tensor([place]), 0.0)


def repeated(rows: Tensor) -> Tensor:
    """The rows with row 3 overwritten by row 1."""
    return rows[[0, 1, 2, 1, *range(4, len(rows))]]


def features(student: Tensor, teacher: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Both sides with pooled features alone."""
    return {"features": student}, {"features": teacher}


def maps(student: Tensor, teacher: Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides with one stage map alone."""
    return {"maps": [student]}, {"maps": [teacher]}


HEADS = {
    "student_head.weight": parts(0, 4, 6),
    "student_head.bias": parts(1, 4),
    "teacher_head.weight": parts(2, 4, 8),
    "teacher_head.bias": parts(3, 4),
}

IDENTITY = {
    "student_head.weight": torch.eye(6),
    "student_head.bias": torch.zeros(6),
    "teacher_head.weight": torch.eye(6),
    "teacher_head.bias": torch.zeros(6),
}


def embedding(student: int, teacher: int) -> dict[str, Tensor]:
    """Learned parts of ICKD."""
    return {
        "embed.0.weight": parts(0, teacher, student, 1, 1),
        "embed.1.weight": 1 + parts(1, teacher),
        "embed.1.bias": parts(2, teacher),
    }


WORKED = [
    Worked("kd", *LOGITS, {}, 2.76283552064, 1.79963),
    Worked("kd", *LOGITS, {"temperature": 1}, 1.65910097595, 1.18046),
    Worked("kd", *LOGITS, {"temperature": 2, "standardise": True}, 0.520301987933, 0.2106092),
    Worked("dkd", *LOGITS, {}, 20.768600274148, 13.36814),
    Worked(
        "dkd",
        *LOGITS,
        {"beta": 0.5, "temperature": 1},
        0.396131649437 / (7 / 20),
        0.3037739 / (7 / 20),
    ),
    Worked(
        "dkd",
        *LOGITS,
        {"alpha": 9, "beta": 72, "temperature": 2, "standardise": True},
        36.5252159085673,
        13.14013,
    ),
    Worked("nkd", *LOGITS, {"gamma": 1.5, "temperature": 1}, 3.572544517283, 1.682987),
    Worked("nkd", *LOGITS, {"gamma": 1.5, "temperature": 2}, 9.711242278158, 2.319339),
    Worked("nkd", *LOGITS, {}, 45.996332360634, 5.596394),
    Worked("dist", *LOGITS, {}, 32.0242498172825, 8.075709),
    Worked("dist", *LOGITS, {"gamma": 2, "temperature": 1}, 3.075814269190, 0.6511006),
    Worked(
        "sp", *maps(sines(0, 4, 3, 2, 2), cosines(0, 4, 3, 2, 2)), {}, 0.0564680132742, 0.452912
    ),
    Worked(
        "sp", *maps(sines(0, 4, 3, 4, 4), cosines(0, 4, 5, 2, 2)), {}, 0.0722103222689, 0.505126
    ),
    Worked(
        "sp",
        *maps(with_zero(sines(0, 4, 3, 2, 2), 2), cosines(0, 4, 3, 2, 2)),
        {},
        0.171394675283,
        0.516845,
    ),
    Worked(
        "cc",
        *features(sines(0, 4, 6), cosines(0, 4, 6)),
        {"width": 6},
        4.83809963505,
        9.30514,
        IDENTITY,
    ),
    Worked(
        "cc",
        *features(sines(0, 4, 6), cosines(0, 4, 8)),
        {"width": 4},
        0.319335082754,
        2.06058,
        HEADS,
    ),
    Worked(
        "cc",
        *features(sines(0, 4, 6), cosines(0, 4, 8)),
        {"form": "kernel"},
        0.0262142041572,
        0.177430,
    ),
    Worked("rkd", *features(sines(0, 5, 6), cosines(0, 5, 8)), {}, 1.28299656638, 15.6957),
    Worked(
        "rkd", *features(repeated(sines(0, 5, 6)), cosines(0, 5, 8)), {}, 10.8907886398, 10.5164
    ),
    Worked("pkt", *features(sines(0, 4, 6), cosines(0, 4, 8)), {}, 0.00615758434477, 0.0599459),
    Worked(
        "pkt",
        *features(with_zero(sines(0, 4, 6), 2), cosines(0, 4, 8)),
        {},
        0.00843122555257,
        0.0381826,
    ),
    Worked(
        "ickd",
        *maps(sines(0, 4, 3, 4, 4), cosines(0, 4, 5, 4, 4).relu()),
        {},
        0.827179910085,
        2.033937,
        embedding(3, 5),
    ),
    Worked(
        "ickd",
        *maps(sines(0, 4, 4, 2, 2), cosines(0, 4, 4, 4, 4).relu()),
        {},
        0.499112832668,
        4.588008,
        embedding(4, 4),
    ),
]


@pytest.mark.parametrize("worked", WORKED, ids=lambda worked: worked.term)
def test_a_worked_value_and_its_gradient(worked: Worked) -> None:
    ((name, given),) = worked.student.items()
    leaf = (given[0] if isinstance(given, list) else given).clone().requires_grad_()
    value = evaluate_term(
        worked.term,
        student={name: [leaf] if isinstance(given, list) else leaf},
        teacher=worked.teacher,
        labels=torch.arange(len(leaf)) % 5,
        parameters=worked.parameters,
        parts=worked.learned,
    )
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(worked.value, rel=1e-9)
    assert gradient_size(value, leaf) == pytest.approx(worked.gradient, rel=1e-5)


def test_the_worked_total_of_kd_with_its_cross_entropy() -> None:
    logits = (3 * sines(0, 4, 5)).requires_grad_()
    student, teacher = {"logits": logits}, {"logits": 3 * cosines(0, 4, 5)}
    entropy = evaluate_term("cross_entropy", student=student, labels=LABELS)
    total = 0.1 * entropy + 0.9 * evaluate_term(
        "kd", student=student, teacher=teacher, labels=LABELS
    )
    assert total.item() == pytest.approx(2.81159681485, rel=1e-9)
    assert gradient_size(total, logits) == pytest.approx(1.7396, rel=1e-5)


TEMPERATURES = (3.0, 5.0, 2.0, 6.0)


@pytest.mark.parametrize(
    ("entropy", "distillation", "temperature", "standardise", "value", "gradient"),
    [
        (0.1, 0.9, 4.0, False, 19.939987307414, 12.67995),
        (0.5, 0.5, 1.0, False, 13.059745185778, 7.864782),
        (0.1, 9.0, 2.0, True, 42.438887029903, 14.60656),
    ],
)
def test_worked_totals_of_mld_with_both_views(
    entropy: float,
    distillation: float,
    temperature: float,
    standardise: bool,
    value: float,
    gradient: float,
) -> None:
    weak, strong = ((3 * sines(k, 4, 5)).requires_grad_() for k in (0, 1))
    student = {"logits": weak, "strong_logits": strong}
    teacher = {"logits": 3 * cosines(0, 4, 5), "strong_logits": 3 * cosines(1, 4, 5)}
    settings = {"temperature": temperature, "standardise": standardise}
    levels = evaluate_term(
        "mld", student=student, teacher=teacher, labels=LABELS, parameters=settings
    )
    entropies = evaluate_term(
        "cross_entropy", student=student, labels=LABELS, parameters={"strong_view": True}
    )
    total = distillation * levels + entropy * entropies
    assert total.item() == pytest.approx(value, rel=1e-9)
    assert gradient_size(total, weak, strong) == pytest.approx(gradient, rel=1e-5)


def test_one_view_stands_for_both_where_only_one_is_given() -> None:
    student, teacher = LOGITS
    twice = [{**side, "strong_logits": side["logits"]} for side in (student, teacher)]
    one, both = (
        evaluate_term("mld", student=ours, teacher=theirs, labels=LABELS)
        for ours, theirs in ((student, teacher), twice)
    )
    assert torch.equal(one, both)


def test_worked_levels_of_mld() -> None:
    weak = (3 * sines(0, 4, 5)).requires_grad_()
    teacher = 3 * cosines(0, 4, 5)
    strong = (3 * sines(1, 4, 5)).requires_grad_()
    samples = sample_level(
        (weak, teacher), (strong, 3 * cosines(1, 4, 5)), torch.tensor(0.5), temperature=4.0
    )
    classes = batches = torch.zeros(())
    for each in (4.0, *TEMPERATURES):
        rows = (weak / each).softmax(1), (teacher / each).softmax(1)
        classes = classes + 0.6 * class_level(*rows)
        batches = batches + 0.5 * batch_level(*rows)
    for level, value, gradient, leaves in (
        (samples, 19.193456630986, 12.30928, (weak, strong)),
        (classes, 0.096193861005, 0.1046611, (weak,)),
        (batches, 0.012478432189, 0.02371384, (weak,)),
    ):
        assert 0.9 * level.item() == pytest.approx(value, rel=1e-9)
        assert 0.9 * gradient_size(level, *leaves) == pytest.approx(gradient, rel=1e-5)


def test_worked_steps_of_crd(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.arange(12) % 5
    indices = (3 * torch.arange(4) + 1) % 12
    negatives = (indices[:, None] + 2 * torch.arange(1, 4) + torch.arange(4)[:, None]) % 12
    monkeypatch.setattr(OtherClasses, "draw", lambda *_: negatives)
    task = Task(NetworkShape(6), NetworkShape(8), num_classes=5, labels=labels, epochs=1)
    term = CRD(CRDConfig(negatives=3, width=4), task).double()
    term.load_state_dict(
        {
            "student.weight": parts(0, 4, 6),
            "student.bias": parts(1, 4),
            "teacher.weight": parts(2, 4, 8),
            "teacher.bias": parts(3, 4),
            "student.memory": unit(sines(5, 12, 4)),
            "teacher.memory": unit(cosines(5, 12, 4)),
            "student.normaliser": torch.zeros(()),
            "teacher.normaliser": torch.zeros(()),
        }
    )

    def step(phase: int) -> tuple[Tensor, Tensor]:
        features = sines(phase, 4, 6).requires_grad_()
        sides = (
            given_side({"features": features}, 4),
            given_side({"features": cosines(phase, 4, 8)}, 4),
        )
        return term(given_step(*sides, labels[indices], indices=indices)).mean(), features

    first, features = step(0)
    assert first.item() == pytest.approx(19.9237739150, rel=1e-9)
    assert gradient_size(first, features) == pytest.approx(19.941, rel=1e-5)
    assert gradient_size(first, term.student.weight) == pytest.approx(50.0832, rel=1e-5)
    assert gradient_size(first, term.teacher.weight) == pytest.approx(98.1444, rel=1e-5)
    assert term.student.normaliser.item() == pytest.approx(179324.996545, rel=1e-9)
    assert term.teacher.normaliser.item() == pytest.approx(79383.2505585, rel=1e-9)
    second, features = step(1)
    assert second.item() == pytest.approx(7.91086256997, rel=1e-9)
    assert gradient_size(second, features) == pytest.approx(17.8978, rel=1e-5)
    assert term.student.memory.sum().item() == pytest.approx(4.06698762840, rel=1e-9)
    assert term.teacher.memory.sum().item() == pytest.approx(1.47399108306, rel=1e-9)
