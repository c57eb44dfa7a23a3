"""Terms of stage maps: worked values of the methods' specification, and slow loops."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pckd.method import NetworkShape, Refused, Task
from pckd.method.stage_maps import matched
from pckd.method.terms.at import AT, ATConfig
from pckd.method.terms.fitnet import FitNet, FitNetConfig, hint_loss
from pckd.method.terms.nst import selectivity_loss
from pckd.method.terms.vid import FIRST_VARIANCE, VID, VIDConfig
from pckd.testing import evaluate_term
from tests.method.terms.formulas import cosines, gradient_size, parts, sines

STEM = torch.zeros(4, 1, 2, 2, dtype=torch.float64)
Shape = tuple[int, ...]
TWO_STAGES: list[tuple[Shape, Shape]] = [
    ((0, 4, 3, 4, 4), (0, 4, 3, 4, 4)),
    ((1, 4, 5, 2, 2), (1, 4, 6, 2, 2)),
]


class Worked(NamedTuple):
    """One worked value; each stage is (phase, B, C, H, W) of both sides."""

    term: str
    stages: list[tuple[Shape, Shape]]
    value: float
    gradient: float


WORKED = [
    Worked("at", TWO_STAGES, 0.00278949002955, 0.112119),
    Worked("at", [((0, 4, 3, 4, 4), (0, 4, 5, 2, 2))], 0.00572725236852, 0.160046),
    Worked("at", [((0, 4, 3, 3, 3), (0, 4, 5, 5, 5))], 0.00864326539163, 0.131931),
    Worked("nst", TWO_STAGES, 0.360107709990, 1.59783),
    Worked("nst", [((0, 4, 3, 2, 2), (0, 4, 5, 4, 4))], 0.323845178194, 1.20437),
]


@pytest.mark.parametrize("worked", WORKED, ids=lambda worked: worked.term)
def test_terms_without_learned_parts_have_their_worked_values(worked: Worked) -> None:
    student = [sines(*own).requires_grad_() for own, _ in worked.stages]
    teacher = [cosines(*other) for _, other in worked.stages]
    value = evaluated(worked.term, student, teacher)
    assert value.item() == pytest.approx(worked.value, rel=1e-10)
    assert gradient_size(value, *student) == pytest.approx(worked.gradient, rel=1e-5)


HINTS = [
    ((4, 3, 4, 4), (4, 5, 2, 2), (5, 3, 3, 3), 0.744629216600, 1.38115),
    ((4, 3, 2, 2), (4, 5, 4, 4), (3, 5, 4, 4), 0.59923855698750, 0.933479),
    ((4, 3, 5, 5), (4, 5, 3, 3), (5, 3, 3, 3), 0.912160437585, 1.54495),
]


@pytest.mark.parametrize(("own", "other", "kernel", "expected", "gradient"), HINTS)
def test_fitnet_has_its_worked_values(
    own: Shape, other: Shape, kernel: Shape, expected: float, gradient: float
) -> None:
    """Maps are halved by stride, doubled by a transposed convolution, cut by a large kernel."""
    student = sines(0, *own).requires_grad_()
    learned = {
        "regressor.0.weight": parts(0, *kernel),
        "regressor.0.bias": parts(1, 5),
        "regressor.1.weight": 1 + parts(2, 5),
        "regressor.1.bias": parts(3, 5),
    }
    value = evaluated("fitnet", [student], [cosines(0, *other)], learned, {"map": 1})
    assert value.item() == pytest.approx(expected, rel=1e-10)
    assert gradient_size(value, student) == pytest.approx(gradient, rel=1e-5)


def test_a_hint_without_a_regressor_is_the_mean_of_squares() -> None:
    student = sines(0, 4, 3, 2, 2).requires_grad_()
    value = hint_loss(student, cosines(0, 4, 3, 2, 2)).mean()
    assert value.item() == pytest.approx(0.948299231779, rel=1e-10)
    assert gradient_size(value, student) == pytest.approx(1.55275, rel=1e-5)


START = torch.tensor(FIRST_VARIANCE - 1e-5, dtype=torch.float64).expm1().log()
VARIANCES = [
    ((4, 3, 2, 2), torch.zeros(4, dtype=torch.float64), 0.845887569249, 0.0148363),
    ((4, 3, 4, 4), parts(3, 4), 0.849465107108, 0.00939839),
]


@pytest.mark.parametrize(("own", "moved", "expected", "gradient"), VARIANCES)
def test_vid_has_its_worked_values(
    own: Shape, moved: Tensor, expected: float, gradient: float
) -> None:
    student = sines(0, *own).requires_grad_()
    learned = {
        "regressors.0.raw_variance": START + moved,
        "regressors.0.predict.0.weight": parts(0, 4, 3, 1, 1),
        "regressors.0.predict.2.weight": parts(1, 4, 4, 1, 1),
        "regressors.0.predict.4.weight": parts(2, 4, 4, 1, 1),
    }
    value = evaluated("vid", [student], [cosines(0, 4, 4, 2, 2)], learned)
    assert value.item() == pytest.approx(expected, rel=1e-9)
    assert gradient_size(value, student) == pytest.approx(gradient, rel=1e-4)


def test_the_variance_of_vid_starts_at_5() -> None:
    maps = ((1, 4, 4), (3, 4, 4))
    task = Task(NetworkShape(3, maps), NetworkShape(3, maps), 2, torch.zeros(4).long(), 1)
    (raw,) = [value for name, value in VID(VIDConfig(), task).named_parameters() if "raw" in name]
    torch.testing.assert_close(raw.exp().log1p() + 1e-5, torch.full((3,), 5.0))


@pytest.mark.parametrize("seed", range(4))
def test_nst_is_its_slow_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(3, channels, 2, 3, generator=generator, dtype=torch.float64)
        for channels in (4, 2)
    )
    for image, value in enumerate(selectivity_loss(student, teacher).tolist()):
        own, others = (_unit_channels(each[image]) for each in (student, teacher))
        slow = _kernel(others, others) + _kernel(own, own) - 2 * _kernel(own, others)
        assert value == pytest.approx(slow, rel=1e-10, abs=1e-13)


def _unit_channels(maps: Tensor) -> list[list[float]]:
    channels = [channel.flatten().tolist() for channel in maps]
    lengths = [sum(value * value for value in channel) ** 0.5 for channel in channels]
    return [
        [v / length for v in channel] for channel, length in zip(channels, lengths, strict=True)
    ]


def _kernel(one: list[list[float]], other: list[list[float]]) -> float:
    products = [sum(a * b for a, b in zip(x, y, strict=True)) ** 2 for x in one for y in other]
    return sum(products) / len(products)


def test_maps_meet_at_the_smaller_height() -> None:
    large, small = torch.arange(16.0).view(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
    pooled = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    assert torch.equal(matched(large, small)[0], pooled)
    assert torch.equal(matched(small, large)[1], pooled)
    assert matched(large, large) == (large, large)


def test_networks_with_unequal_numbers_of_stages_are_refused() -> None:
    three, four = (NetworkShape(4, ((1, 8, 8),) * count) for count in (4, 5))
    task = Task(three, four, 2, torch.zeros(4).long(), 1)
    assert AT.unfit(ATConfig(), task) == Refused("the student has 3 stages, the teacher 4")


@pytest.mark.parametrize(
    ("place", "sentence"), [(9, "have maps 0 to 1"), (1, "no regressor takes maps of")]
)
def test_a_hint_that_cannot_be_is_refused(place: int, sentence: str) -> None:
    student, teacher = (NetworkShape(4, ((1, 8, 8), (2, size, size))) for size in (3, 8))
    task = Task(student, teacher, 2, torch.zeros(4).long(), 1)
    answer = FitNet.unfit(FitNetConfig(map=place), task)
    assert isinstance(answer, Refused) and sentence in answer.reason


def evaluated(
    term: str,
    student: list[Tensor],
    teacher: list[Tensor],
    learned: Mapping[str, Tensor] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Tensor:
    """The term on these stages, behind a stem that does not count."""
    value: Tensor = evaluate_term(
        term,
        student={"maps": [STEM, *student]},
        teacher={"maps": [STEM, *teacher]},
        labels=torch.arange(4),
        parameters=parameters,
        parts=learned,
    )
    return value
