"""Terms with a preparation: worked values of the specification, and slow loops on random maps."""

import pytest
import torch
from torch import Tensor

from pckd.method import NetworkShape, Task
from pckd.method.stage_maps import matched
from pckd.method.terms.ft import FTConfig, Paraphraser, factor_loss
from pckd.testing import evaluate_term, term_values
from pckd.testing.given import given_side
from tests.method.terms import map_loops
from tests.method.terms.formulas import cosines, gradient_size, parts, sines

LABELS = torch.arange(4) % 5
STEM = torch.zeros(4, 1, 1, 1, dtype=torch.float64)
WIDTHS = (3, 4, 2)


def encoder(phase: int = 0, *, channels: int = 4, factors: int = 2) -> dict[str, Tensor]:
    """The encoder's parts as the worked values have them."""
    widths = [(channels, channels), (factors, channels), (factors, factors)]
    named = {}
    for layer, (out, own) in enumerate(widths):
        named[f"encoder.{2 * layer}.weight"] = parts(phase + 2 * layer, out, own, 3, 3)
        named[f"encoder.{2 * layer}.bias"] = parts(phase + 2 * layer + 1, out)
    return named


def translator(*, channels: int = 3, factors: int = 2) -> dict[str, Tensor]:
    widths = [(channels, channels), (factors, channels), (factors, factors)]
    named = {}
    for layer, (out, own) in enumerate(widths):
        named[f"translator.{3 * layer}.weight"] = parts(4 * layer, out, own, 3, 3)
        named[f"translator.{3 * layer}.bias"] = parts(4 * layer + 1, out)
        named[f"translator.{3 * layer + 1}.weight"] = 1 + parts(4 * layer + 2, out)
        named[f"translator.{3 * layer + 1}.bias"] = parts(4 * layer + 3, out)
    return named


@pytest.mark.parametrize(
    ("height", "value", "gradient"),
    [(2, 0.0333903150282, 1.17804), (4, 0.0577454944500, 1.28194)],
)
def test_worked_values_of_given_factors(height: int, value: float, gradient: float) -> None:
    student = sines(0, 4, 3, height, height).requires_grad_()
    loss = factor_loss(*matched(student, cosines(0, 4, 3, 2, 2))).mean()
    assert loss.item() == pytest.approx(value, rel=1e-9)
    assert gradient_size(loss, student) == pytest.approx(gradient, rel=1e-5)


def test_worked_value_of_the_paraphraser() -> None:
    maps = cosines(0, 4, 4, 3, 3)
    shape = NetworkShape(4, ((4, 3, 3),))
    task = Task(shape, shape, num_classes=5, labels=LABELS, epochs=1)
    stage = Paraphraser(FTConfig(), task).double()
    decoder = {}
    for layer, (own, out) in enumerate([(2, 2), (2, 4), (4, 4)]):
        decoder[f"decoder.{2 * layer}.weight"] = parts(6 + 2 * layer, own, out, 3, 3)
        decoder[f"decoder.{2 * layer}.bias"] = parts(7 + 2 * layer, out)
    stage.load_state_dict(encoder() | decoder)
    loss = stage(given_side({"maps": [maps]}, 4)).mean()
    first = stage.encoder.get_parameter("0.weight")
    assert loss.item() == pytest.approx(2.30671198691, rel=1e-9)
    assert gradient_size(loss, first) == pytest.approx(29.5491, rel=1e-5)


def test_worked_value_of_factor_transfer() -> None:
    student = sines(0, 4, 3, 3, 3).requires_grad_()
    loss = evaluate_term(
        "ft",
        student={"maps": [student]},
        teacher={"maps": [cosines(0, 4, 4, 3, 3)]},
        labels=LABELS,
        parts=encoder() | translator(),
    )
    assert loss.item() == pytest.approx(0.293152050301, rel=1e-9)
    assert gradient_size(loss, student) == pytest.approx(0.366314, rel=1e-5)


@pytest.mark.parametrize(("own", "other"), [(3, 3), (4, 3), (3, 5)])
def test_factor_transfer_is_its_loop(own: int, other: int) -> None:
    random = torch.Generator().manual_seed(own + other)
    student = torch.randn(3, 3, own, own, generator=random, dtype=torch.float64)
    teacher = torch.randn(3, 4, other, other, generator=random, dtype=torch.float64)
    learned = encoder() | translator()
    theirs = teacher.tolist()
    ours = student.tolist()
    for layer in range(3):
        weight, bias = (learned[f"encoder.{2 * layer}.{part}"] for part in ("weight", "bias"))
        theirs = [
            map_loops.each_value(map_loops.convolved(each, weight, bias), map_loops.leaky)
            for each in theirs
        ]
        weight, bias = (learned[f"translator.{3 * layer}.{part}"] for part in ("weight", "bias"))
        scale, shift = (
            learned[f"translator.{3 * layer + 1}.{part}"] for part in ("weight", "bias")
        )
        normed = map_loops.normalised(
            [map_loops.convolved(each, weight, bias) for each in ours], scale, shift
        )
        ours = [map_loops.each_value(each, map_loops.leaky) for each in normed]
    expected = list(map(map_loops.factor_transfer, ours, theirs))
    values = term_values(
        "ft",
        student={"maps": [student]},
        teacher={"maps": [teacher]},
        labels=torch.arange(3),
        parts=learned,
    )
    assert values.tolist() == pytest.approx(expected, rel=1e-9)


def test_the_paraphrase_is_its_loop() -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 4, 3, 3, generator=random, dtype=torch.float64)
    shape = NetworkShape(4, ((4, 3, 3),))
    task = Task(shape, shape, num_classes=5, labels=LABELS, epochs=1)
    stage = Paraphraser(FTConfig(), task).double()
    state = stage.state_dict()
    expected = []
    for each in maps.tolist():
        current = each
        for part, convolve in (
            ("encoder", map_loops.convolved),
            ("decoder", map_loops.convolved_transposed),
        ):
            for layer in (0, 2, 4):
                weight, bias = (state[f"{part}.{layer}.{name}"] for name in ("weight", "bias"))
                current = map_loops.each_value(convolve(current, weight, bias), map_loops.leaky)
        far = torch.tensor(current, dtype=torch.float64) - torch.tensor(each, dtype=torch.float64)
        expected.append(far.square().mean().item())
    values = stage(given_side({"maps": [maps]}, 2))
    assert values.tolist() == pytest.approx(expected, rel=1e-9)


def test_worked_values_of_activation_boundaries() -> None:
    shapes = [(4, 2, 4, 4), (4, 3, 2, 2), (4, 5, 1, 1)]
    student = [(2 * sines(k, *shape)).requires_grad_() for k, shape in enumerate(shapes)]
    loss = evaluate_term(
        "ab",
        student={"maps_before_relu": [STEM, *student]},
        teacher={"maps_before_relu": [STEM, *(cosines(k, *s) for k, s in enumerate(shapes))]},
        labels=LABELS,
    )
    assert loss.item() == pytest.approx(0.147431282692, rel=1e-9)
    assert gradient_size(loss, *student) == pytest.approx(0.128862, rel=1e-5)


CONNECTOR = {
    "stage.connectors.1.0.weight": parts(0, 5, 3, 1, 1),
    "stage.connectors.1.0.bias": parts(1, 5),
    "stage.connectors.1.1.weight": 1 + parts(2, 5),
    "stage.connectors.1.1.bias": parts(3, 5),
}


def test_worked_value_of_activation_boundaries_with_a_connector() -> None:
    student = [sines(0, 4, 3, 4, 4).requires_grad_(), sines(1, 4, 3, 2, 2).requires_grad_()]
    loss = evaluate_term(
        "ab",
        student={"maps_before_relu": [STEM, *student]},
        teacher={"maps_before_relu": [STEM, cosines(0, 4, 3, 4, 4), cosines(1, 4, 5, 2, 2)]},
        labels=LABELS,
        parts=CONNECTOR,
    )
    assert loss.item() == pytest.approx(0.205822333227, rel=1e-9)
    assert gradient_size(loss, *student) == pytest.approx(0.233031, rel=1e-5)


@pytest.mark.parametrize("margin", [1.0, 0.25])
def test_activation_boundaries_are_their_loop(margin: float) -> None:
    random = torch.Generator().manual_seed(1)
    shapes = [(3, 2, 3, 3), (3, 2, 2, 2), (3, 4, 1, 1)]
    student, teacher = (
        [torch.randn(*shape, generator=random, dtype=torch.float64) for shape in shapes]
        for _ in range(2)
    )
    values = term_values(
        "ab",
        student={"maps_before_relu": [STEM[:3], *student]},
        teacher={"maps_before_relu": [STEM[:3], *teacher]},
        labels=torch.arange(3),
        parameters={"margin": margin},
    )
    expected = [
        map_loops.activation_boundaries(
            [maps[image].tolist() for maps in student],
            [maps[image].tolist() for maps in teacher],
            margin,
        )
        for image in range(3)
    ]
    assert values.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("heights", "other_heights", "value", "gradient"),
    [
        ((2, 2, 2), (2, 2, 2), 0.390392258694, 1.47639),
        ((4, 4, 2), (4, 2, 1), 0.385111674844, 1.29729),
    ],
)
def test_worked_values_of_the_flow(
    heights: tuple[int, ...], other_heights: tuple[int, ...], value: float, gradient: float
) -> None:
    student = [
        sines(k, 4, width, height, height).requires_grad_()
        for k, (width, height) in enumerate(zip(WIDTHS, heights, strict=True))
    ]
    teacher = [
        cosines(k, 4, width, height, height)
        for k, (width, height) in enumerate(zip(WIDTHS, other_heights, strict=True))
    ]
    loss = evaluate_term("fsp", student={"maps": student}, teacher={"maps": teacher}, labels=LABELS)
    assert loss.item() == pytest.approx(value, rel=1e-9)
    assert gradient_size(loss, *student) == pytest.approx(gradient, rel=1e-5)


def test_the_flow_is_its_loop() -> None:
    random = torch.Generator().manual_seed(2)
    student, teacher = (
        [
            torch.randn(2, width, height, height, generator=random, dtype=torch.float64)
            for width, height in zip(WIDTHS, heights, strict=True)
        ]
        for heights in ((4, 2, 3), (6, 4, 2))
    )
    values = term_values(
        "fsp", student={"maps": student}, teacher={"maps": teacher}, labels=torch.arange(2)
    )
    expected = [
        map_loops.flow_of_solution(
            [maps[image].tolist() for maps in student], [maps[image].tolist() for maps in teacher]
        )
        for image in range(2)
    ]
    assert values.tolist() == pytest.approx(expected, rel=1e-9)
