"""Each method in the peers' manner computes what pckd's term does, and trains."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.material import Pair, images
from benchmarks.methods import method_ratios
from benchmarks.reference_method_loop import LEARNED, LOSSES, METHODS
from benchmarks.reference_methods import Seen
from benchmarks.reference_parts import Review
from benchmarks.targets import target_of
from pckd.method.presets import PRESETS
from pckd.models import Outputs
from pckd.testing import evaluate_term

ELSEWHERE = {"pckd", "cross_entropy", "ab", "ft", "fsp", "sskd"}
"""Methods that this loop does not know: PCKD has one of its own, a plain student needs none, and
the others are prepared before they train."""


def random_side(seed: int, stages: int = 3) -> tuple[Outputs, dict[str, Any], Tensor]:
    """Outputs of a network for six images, the same as a term takes them, and strong logits."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    maps = [normal(6, 3, 4, 4) for _ in range(stages + 1)]
    before = [normal(6, 3, 4, 4) for _ in range(stages + 1)]
    outputs = Outputs(tuple(maps), normal(6, 5), 3 * normal(6, 4), tuple(before))
    strong = 3 * normal(6, 4)
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


def test_the_loop_knows_every_method_but_the_papers_own() -> None:
    assert set(METHODS) == set(PRESETS) - ELSEWHERE


@pytest.mark.parametrize("method", [*LEARNED, "mld"])
def test_a_method_is_measured(method: str) -> None:
    data = images(4, None)
    pair = Pair("tiny", "resnet8", "resnet8")
    ratios = method_ratios(pair, data, torch.device("cpu"), 1, (method,))
    assert ratios[0].name == f"method_{method}"
    assert all(math.isfinite(each.middle) and each.middle > 0 for each in ratios)


def test_methods_have_targets() -> None:
    assert target_of("method_bank_kd") == (2.3, None)
    assert target_of("method_nst") == (1.0, 1.4)
