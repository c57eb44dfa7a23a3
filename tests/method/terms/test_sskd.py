"""Self-supervision: worked values of the specification, and slow loops on random batches."""

import pytest
import torch
from torch import Tensor

from pckd.method.terms.cross_entropy import cross_entropy
from pckd.method.terms.kd import distillation
from pckd.method.terms.sskd import contrast, similarities, similarity_loss, transfer_loss
from pckd.testing import evaluate_term
from tests.method.terms import loops, sskd_loop
from tests.method.terms.formulas import cosines, gradient_size, sines

LABELS = torch.arange(4) % 5


def by_copy(rows: Tensor) -> Tensor:
    """Rows 4 i + k as [B, 4, ...]."""
    return rows.view(-1, 4, *rows.shape[1:])


def transfer(student: Tensor, teacher: Tensor, share: float) -> Tensor:
    own, other = (by_copy(rows)[:, 1:].flatten(0, 1) for rows in (student, teacher))
    return transfer_loss(own, other, LABELS.repeat_interleave(3), 4.0, share)


def similarity(student: Tensor, teacher: Tensor) -> Tensor:
    own, other = (similarities(by_copy(rows)) for rows in (student, teacher))
    return similarity_loss(own, other, 0.5, 0.75)


def test_worked_values_of_self_supervision() -> None:
    logits = (3 * sines(0, 16, 5)).requires_grad_()
    heads = sines(1, 16, 6).requires_grad_()
    teacher, teacher_heads = 3 * cosines(0, 16, 5), cosines(1, 16, 6)
    upright = by_copy(logits)[:, 0]
    total = (
        0.1 * cross_entropy(upright, LABELS).mean()
        + 0.9 * distillation(upright, by_copy(teacher)[:, 0], 4.0).mean()
        + 2.7 * transfer(logits, teacher, 1.0)
        + 10 * similarity(heads, teacher_heads)
    )
    assert total.item() == pytest.approx(16.462399967330, rel=1e-9)
    assert gradient_size(total, logits, heads) == pytest.approx(10.35034, rel=1e-5)
    half = transfer(logits, teacher, 0.5)
    assert half.item() == pytest.approx(4.681236131864, rel=1e-9)
    assert gradient_size(half, logits) == pytest.approx(2.478175, rel=1e-5)
    alone = similarity(heads, teacher_heads)
    assert alone.item() == pytest.approx(0.153674546436, rel=1e-9)
    assert gradient_size(alone, heads) == pytest.approx(0.2031353, rel=1e-5)
    prepared = contrast(by_copy(teacher_heads))
    assert prepared.item() == pytest.approx(0.966836689493, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_self_supervision_is_its_loop(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    images, classes, widths = 2 + seed, 3, (3, 4)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    labels = torch.randint(classes, (images,), generator=random)
    sides = [
        {"features": draw(images, 4, width), "logits": 3 * draw(images, 4, classes)}
        for width in widths
    ]
    learned, outputs = {}, []
    for name, width, side in zip(("student", "teacher"), widths, sides, strict=True):
        for layer in (0, 2):
            learned[f"{name}_head.{layer}.weight"] = draw(width, width)
            learned[f"{name}_head.{layer}.bias"] = draw(width)
        first, second = (
            [learned[f"{name}_head.{layer}.{part}"].tolist() for part in ("weight", "bias")]
            for layer in (0, 2)
        )
        hidden = loops.linear(side["features"].flatten(0, 1).tolist(), *first)
        hidden = [[max(value, 0.0) for value in row] for row in hidden]
        outputs.append(loops.linear(hidden, *second))
    logits = [side["logits"].flatten(0, 1).tolist() for side in sides]
    share = seed / 5
    expected = 3 * sskd_loop.transfer(logits[0], logits[1], labels.tolist(), 2.0, share)
    expected += 7 * sskd_loop.similarity(outputs[0], outputs[1], 0.25, 1 - share)
    value = evaluate_term(
        "sskd",
        student=sides[0],
        teacher=sides[1],
        labels=labels,
        parameters={
            "transfer": 3,
            "similarity": 7,
            "temperature": 2,
            "similarity_temperature": 0.25,
            "transfer_share": share,
            "similarity_share": 1 - share,
        },
        parts=learned,
    )
    assert value.item() == pytest.approx(expected, rel=1e-9)
    heads = by_copy(torch.tensor(outputs[1], dtype=torch.float64))
    assert contrast(heads).item() == pytest.approx(sskd_loop.preparation(outputs[1]), rel=1e-9)
