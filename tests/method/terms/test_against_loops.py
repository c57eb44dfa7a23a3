"""Each term against a slow loop that was written from its equation, on random batches."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pckd.method.terms.crd import OtherClasses
from pckd.testing import term_values
from tests.method.terms import loops

SIZES = [(2, 3, 4, 5), (5, 4, 3, 3), (7, 10, 6, 2), (3, 2, 1, 4)]
"""Images, classes, student width, teacher width."""


class Drawn:
    """A random batch."""

    def __init__(self, seed: int, images: int, classes: int, width: int, other: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(classes, (images,), generator=self.random)
        self.student = self.side(images, classes, width)
        self.teacher = self.side(images, classes, other)

    def side(self, images: int, classes: int, width: int) -> dict[str, Any]:
        return {
            "features": self.normal(images, width),
            "logits": 3 * self.normal(images, classes),
            "strong_logits": 3 * self.normal(images, classes),
            "maps": [self.normal(images, width, 3, 3)],
        }

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.random, dtype=torch.float64)

    def values(self, term: str, parts: Any = None, **parameters: Any) -> Any:  # noqa: ANN401
        return term_values(
            term,
            student=self.student,
            teacher=self.teacher,
            labels=self.labels,
            parameters=parameters,
            parts=parts,
        ).tolist()

    def lists(self, name: str) -> tuple[Any, Any]:
        return self.student[name].tolist(), self.teacher[name].tolist()


@pytest.fixture(params=range(8))
def drawn(request: pytest.FixtureRequest) -> Drawn:
    return Drawn(request.param, *SIZES[request.param % len(SIZES)])


def close(value: Any) -> Any:  # noqa: ANN401
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_terms_of_logits(drawn: Drawn, temperature: float) -> None:
    logits, labels = drawn.lists("logits"), drawn.labels.tolist()
    t = temperature
    assert drawn.values("kd", standardise=True, temperature=t) == close(
        loops.kd_standardised(*logits, t)
    )
    assert drawn.values("dkd", alpha=1.5, beta=3, temperature=t) == close(
        loops.dkd(*logits, labels, 1.5, 3, t)
    )
    assert drawn.values("nkd", gamma=2.5, temperature=t) == close(
        loops.nkd(*logits, labels, 2.5, t)
    )
    assert drawn.values("dist", beta=0.5, gamma=3, temperature=t) == close(
        loops.dist(*logits, 0.5, 3, t)
    )
    strong = drawn.lists("strong_logits")
    assert drawn.values("mld", temperature=t) == close(loops.mld(*logits, *strong, t))


def test_terms_of_features(drawn: Drawn) -> None:
    features = drawn.lists("features")
    assert drawn.values("rkd", distance=3, angle=7) == close(loops.rkd(*features, 3, 7))
    assert drawn.values("pkt") == close(loops.pkt(*features))
    assert drawn.values("cc", form="kernel") == close(loops.kernel_congruence(*features))


def test_correlation_congruence_with_learned_heads(drawn: Drawn) -> None:
    widths = (drawn.student["features"].shape[1], drawn.teacher["features"].shape[1])
    heads = {
        f"{name}_head.{part}": drawn.normal(*shape)
        for name, width in zip(("student", "teacher"), widths, strict=True)
        for part, shape in (("weight", (3, width)), ("bias", (3,)))
    }
    embedded = [
        loops.linear(
            rows, heads[f"{name}_head.weight"].tolist(), heads[f"{name}_head.bias"].tolist()
        )
        for name, rows in zip(("student", "teacher"), drawn.lists("features"), strict=True)
    ]
    assert drawn.values("cc", heads, width=3) == close(loops.neighbour_congruence(*embedded))


def test_similarities_of_maps(drawn: Drawn) -> None:
    flat = [side["maps"][0].flatten(1).tolist() for side in (drawn.student, drawn.teacher)]
    assert drawn.values("sp") == close(loops.sp(*flat))


def test_correlations_of_channels(drawn: Drawn) -> None:
    student, teacher = (side["maps"][0] for side in (drawn.student, drawn.teacher))
    weight = drawn.normal(teacher.shape[1], student.shape[1])
    embedded = torch.einsum("oc,bchw->bohw", weight, student)
    middle = embedded.mean((0, 2, 3), keepdim=True)
    spread = (embedded - middle).square().mean((0, 2, 3), keepdim=True)
    normed = (embedded - middle) / (spread + 1e-5).sqrt()
    expected = loops.ickd(normed.flatten(2).tolist(), teacher.flatten(2).tolist())
    assert drawn.values("ickd", {"embed.0.weight": weight[..., None, None]}) == close(expected)


def test_contrast_with_memories(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    images, negatives = len(drawn.labels), 3
    columns = torch.randint(images, (images, negatives), generator=drawn.random)
    monkeypatch.setattr(OtherClasses, "draw", lambda *_: columns)
    parts, embedded, memories = {}, [], []
    for name, rows in zip(("student", "teacher"), drawn.lists("features"), strict=True):
        parts[f"{name}.weight"] = drawn.normal(4, len(rows[0]))
        parts[f"{name}.bias"] = drawn.normal(4)
        parts[f"{name}.memory"] = drawn.normal(images, 4)
        weight, bias, memory = (
            parts[f"{name}.{part}"].tolist() for part in ("weight", "bias", "memory")
        )
        embedded.append(loops.linear(rows, weight, bias))
        memories.append(memory)
    own = torch.cat([torch.arange(images)[:, None], columns], dim=1).tolist()
    expected = loops.crd((embedded[0], embedded[1]), (memories[0], memories[1]), own, 0.5, images)
    drawn.labels = torch.arange(images) % 2
    values = drawn.values("crd", parts, negatives=negatives, width=4, temperature=0.5)
    assert values == close(expected)
