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
