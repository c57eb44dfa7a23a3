"""Each method in the peers' manner computes what pckd's term does, and trains."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.material import Pair, images
from benchmarks.methods import method_ratios
from benchmarks.reference_method_loop import LEARNED, LOSSES, METHODS, PREPARED
from benchmarks.reference_methods import Seen
from benchmarks.reference_parts import Factors, Review
from benchmarks.reference_preparations import boundaries, flows
from benchmarks.reference_rotations import SelfSupervision
from benchmarks.targets import target_of
from pckd.method.presets import PRESETS
from pckd.models import Outputs
from pckd.testing import evaluate_term

ELSEWHERE = {"pckd", "cross_entropy", "mld_960"}
"""Methods that this loop does not know: PCKD has one of its own, a plain student needs none, and a
step of MLD is as long for 960 epochs."""


def random_side(
    seed: int, stages: int = 3, images: int = 6
) -> tuple[Outputs, dict[str, Any], Tensor]:
    """Outputs of a network for some images, the same as a term takes them, and strong logits."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    maps = [normal(images, 3, 4, 4) for _ in range(stages + 1)]
    before = [normal(images, 3, 4, 4) for _ in range(stages + 1)]
    outputs = Outputs(tuple(maps), normal(images, 5), 3 * normal(images, 4), tuple(before))
    strong = 3 * normal(images, 4)
    given = {
        "maps": maps,
        "maps_before_relu": before,
        "features": outputs.features,
        "logits": outputs.logits,
        "strong_logits": strong,
    }
    return outputs, given, strong


@pytest.mark.parametrize("method", LOSSES)
def test_a_loss_without_learned_parts_is_the_term_s(method: str) -> None:
    (student, ours, strong), (teacher, theirs, other) = random_side(0), random_side(1)
    labels = torch.tensor([0, 1, 2, 3, 0, 2])
    seen = Seen(student, teacher, labels, torch.arange(6), (strong, other))
    (term,) = PRESETS[method].terms.keys() - {"cross_entropy"}
    settings = dict(PRESETS[method].terms[term])
    value = evaluate_term(term, student=ours, teacher=theirs, labels=labels, parameters=settings)
    assert LOSSES[method](seen).item() == pytest.approx(value.item(), rel=1e-6)


def test_review_is_the_term_s() -> None:
    (student, ours, _), (teacher, theirs, _) = random_side(0), random_side(1)
    torch.manual_seed(0)
    review = Review([3, 3, 3, 5], [3, 3, 3, 5]).double()
    names = {
        "conv1.0": "conv1",
        "conv1.1": "bn1",
        "conv2.0": "conv2",
        "conv2.1": "bn2",
        "attention.0": "attention",
    }
    learned = {}
    for key, value in review.state_dict().items():
        _, place, *module, entry = key.split(".")
        learned[f"blocks.{place}.{names['.'.join(module)]}.{entry}"] = value.clone()
    value = evaluate_term(
        "reviewkd", student=ours, teacher=theirs, labels=torch.arange(6) % 4, parts=learned
    )
    seen = Seen(student, teacher, torch.arange(6), torch.arange(6))
    assert review(seen).item() == pytest.approx(value.item(), rel=1e-9)


@pytest.mark.parametrize(("term", "loss"), [("ab", boundaries), ("fsp", flows)])
def test_what_prepares_a_student_is_the_term_s(
    term: str, loss: Callable[[Outputs, Outputs], Tensor]
) -> None:
    (student, ours, _), (teacher, theirs, _) = random_side(0), random_side(1)
    value = evaluate_term(term, student=ours, teacher=theirs, labels=torch.arange(6) % 4)
    assert loss(student, teacher).item() == pytest.approx(value.item(), rel=1e-9)


def test_factors_are_the_term_s() -> None:
    (student, ours, _), (teacher, theirs, _) = random_side(0), random_side(1)
    torch.manual_seed(0)
    factors, labels = Factors(3, 3).double(), torch.arange(6) % 4
    learned = {key: value.clone() for key, value in factors.state_dict().items()}
    value = evaluate_term("ft", student=ours, teacher=theirs, labels=labels, parts=learned)
    seen = Seen(student, teacher, labels, labels)
    assert factors(seen).item() == pytest.approx(value.item(), rel=1e-9)


def test_self_supervision_is_the_terms() -> None:
    (student, ours, _), (teacher, theirs, _) = random_side(0, images=12), random_side(1, images=12)
    torch.manual_seed(0)
    supervision, labels = SelfSupervision(5, 5).double(), torch.tensor([0, 1, 2])
    names = {"own": "student_head", "other": "teacher_head"}
    learned = {
        f"{names[key.partition('.')[0]]}.{key.partition('.')[2]}": value.clone()
        for key, value in supervision.state_dict().items()
    }
    copies = [
        {name: side[name].view(3, 4, -1) for name in ("features", "logits")}
        for side in (ours, theirs)
    ]
    upright = [{"logits": each["logits"][:, 0]} for each in copies]
    value = evaluate_term(
        "sskd", student=copies[0], teacher=copies[1], labels=labels, parts=learned
    ) + 0.9 * evaluate_term("kd", student=upright[0], teacher=upright[1], labels=labels)
    seen = Seen(student, teacher, labels, labels)
    assert supervision(seen).item() == pytest.approx(value.item(), rel=1e-9)


def test_the_loop_knows_every_method_but_the_papers_own() -> None:
    assert set(METHODS) == set(PRESETS) - ELSEWHERE


@pytest.mark.parametrize("method", [*LEARNED, *PREPARED, "mld"])
def test_a_method_is_measured(method: str) -> None:
    data = images(4, None)
    pair = Pair("tiny", "resnet8", "resnet8")
    ratios = method_ratios(pair, data, torch.device("cpu"), 1, (method,))
    assert ratios[0].name == f"method_{method}"
    is_prepared = method in (*PREPARED, "ft", "sskd")
    assert (ratios[-1].name == f"method_preparation_{method}") == is_prepared
    assert all(math.isfinite(each.middle) and each.middle > 0 for each in ratios)


def test_methods_have_targets() -> None:
    assert target_of("method_bank_kd") == (2.3, None)
    assert target_of("method_nst") == (1.0, 1.4)
