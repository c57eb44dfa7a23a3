"""Knowledge review: worked values of the methods' specification, a slow loop, sizes of blocks."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pckd.method import NetworkShape, Refused, Task
from pckd.method.terms.reviewkd import ReviewKD, ReviewKDConfig, hierarchical_loss
from pckd.models import outline, output_shapes
from pckd.testing import evaluate_term, term_values
from tests.method.terms.formulas import cosines, gradient_size, parts, sines
from tests.method.terms.review_loop import review

STEM = torch.zeros(4, 1, 1, 1, dtype=torch.float64)


def test_the_worked_value_of_the_hierarchical_loss() -> None:
    shapes = [(4, 3, 8, 8), (4, 3, 4, 4), (4, 3, 2, 2), (4, 5, 1, 1)]
    student = [sines(k, *shape).requires_grad_() for k, shape in enumerate(shapes)]
    teacher = [cosines(k, *shape) for k, shape in enumerate(shapes)]
    losses = [hierarchical_loss(*pair) for pair in zip(student, teacher, strict=True)]
    value = torch.stack(losses).sum(0).mean()
    assert value.item() == pytest.approx(4.188172376199, rel=1e-9)
    assert gradient_size(value, *student) == pytest.approx(6.776223, rel=1e-6)


def block(place: int, phase: int, channels: int, outputs: int) -> dict[str, Tensor]:
    """The worked values' learned parts of one block, the deepest being block 0."""
    learned = {
        "conv1.weight": parts(phase, 4, channels, 1, 1),
        "bn1.weight": 1 + parts(phase + 1, 4),
        "bn1.bias": parts(phase + 2, 4),
        "conv2.weight": parts(phase + 3, outputs, 4, 3, 3),
        "bn2.weight": 1 + parts(phase + 4, outputs),
        "bn2.bias": parts(phase + 5, outputs),
    }
    if place:
        learned["attention.weight"] = parts(phase + 6, 2, 8, 1, 1)
        learned["attention.bias"] = parts(phase + 7, 2)
    return {f"blocks.{place}.{name}": value for name, value in learned.items()}


@pytest.mark.parametrize(
    ("heights", "expected", "gradient"),
    [((8, 4), 4.162375311977, 5.509789), ((16, 8), 4.283938935283, 4.71611)],
)
def test_the_worked_values_of_the_whole_chain(
    heights: tuple[int, int], expected: float, gradient: float
) -> None:
    """The student's maps are of 8 and 4 pixels, the teacher's of these or twice as many."""
    high, low = heights
    maps = [sines(0, 4, 3, 8, 8).requires_grad_(), sines(1, 4, 4, 4, 4).requires_grad_()]
    features = sines(2, 4, 4).requires_grad_()
    targets = [STEM, cosines(0, 4, 5, high, high), cosines(1, 4, 6, low, low)]
    value = evaluate_term(
        "reviewkd",
        student={"maps": [STEM, *maps], "features": features},
        teacher={"maps_before_relu": targets, "features": cosines(2, 4, 6)},
        labels=torch.arange(4),
        parts=block(0, 0, 4, 6) | block(1, 8, 4, 6) | block(2, 16, 3, 5),
    )
    assert value.item() == pytest.approx(expected, rel=1e-9)
    assert gradient_size(value, *maps, features) == pytest.approx(gradient, rel=1e-6)


CHAINS = [
    ([(2, 5, 5), (3, 3, 3)], 2, [(3, 5, 5), (2, 3, 3)], 3),
    ([(2, 6, 4), (3, 3, 2)], 3, [(2, 4, 6), (3, 2, 3)], 2),
    ([(2, 2, 2), (2, 2, 2)], 4, [(2, 7, 7), (1, 1, 1)], 1),
]
"""Student's stages (C, H, W) and width, teacher's stages and width."""


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_a_slow_loop(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    stages, width, others, other_width = CHAINS[seed]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    student, teacher = (
        [normal(3, *shape) for shape in (*shapes, (size, 1, 1))]
        for shapes, size in ((stages, width), (others, other_width))
    )
    learned: list[dict[str, Any]] = []
    for own, target in zip(reversed(student), reversed(teacher), strict=True):
        channels, outputs = own.shape[1], target.shape[1]
        learned.append(
            {
                "conv1.weight": normal(width, channels, 1, 1),
                "bn1.weight": normal(width),
                "bn1.bias": normal(width),
                "attention.weight": normal(2, 2 * width, 1, 1),
                "attention.bias": normal(2),
                "conv2.weight": normal(outputs, width, 3, 3),
                "bn2.weight": normal(outputs),
                "bn2.bias": normal(outputs),
            }
        )
    expected = review(
        [each.tolist() for each in reversed(student)],
        [each.tolist() for each in reversed(teacher)],
        [{name: value.tolist() for name, value in part.items()} for part in learned],
    )
    values = term_values(
        "reviewkd",
        student={"maps": [STEM[:3], *student[:-1]], "features": student[-1].flatten(1)},
        teacher={"maps_before_relu": [STEM[:3], *teacher[:-1]], "features": teacher[-1].flatten(1)},
        labels=torch.arange(3),
        parts={
            f"blocks.{place}.{name}": value
            for place, part in enumerate(learned)
            for name, value in part.items()
            if place or not name.startswith("attention")
        },
    )
    assert values.tolist() == pytest.approx(expected, rel=1e-9)


def task(student: str, teacher: str) -> Task:
    def shape(name: str) -> NetworkShape:
        shapes = output_shapes(outline(name, num_classes=100), (32, 32))
        return NetworkShape(shapes.width, shapes.maps, shapes.maps_before_relu)

    return Task(shape(student), shape(teacher), 100, torch.zeros(4).long(), 1)


@pytest.mark.parametrize(
    ("teacher", "student", "parameters"),
    [
        ("resnet8", "resnet8", 114_278),
        ("wrn_16_2", "wrn_16_1", 216_006),
        ("resnet8x4", "shufflenetv2", 4_195_718),
        ("vgg13", "mobilenetv2", 9_640_712),
    ],
)
def test_blocks_have_the_parameters_of_the_source(
    teacher: str, student: str, parameters: int
) -> None:
    """Networks of fewer blocks stand for the source's: their maps have the same sizes."""
    with torch.device("meta"):
        term = ReviewKD(ReviewKDConfig(), task(student, teacher))
    assert sum(each.numel() for each in term.parameters()) == parameters


def test_the_warm_up_ends_at_the_weight() -> None:
    with torch.device("meta"):
        term = ReviewKD(ReviewKDConfig(weight=8, warm_up=4), task("resnet8", "resnet8"))
    assert [term.weight_at(epoch) for epoch in (1, 2, 4, 5)] == [2, 4, 8, 8]


def test_networks_without_stages_are_refused() -> None:
    bare = Task(NetworkShape(4), NetworkShape(6), 2, torch.zeros(4).long(), 1)
    answer = ReviewKD.unfit(ReviewKDConfig(), bare)
    assert answer == Refused("the student has 0 stages, the teacher 0")
