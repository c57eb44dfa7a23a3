"""Forms of terms that are not their defaults: those of the papers' texts, or of other code."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pckd.method.terms.crd import CRDConfig
from pckd.method.terms.ft import whole_factor_loss
from pckd.method.terms.reviewkd import ReviewKD, ReviewKDConfig
from pckd.testing import check_term, evaluate_term
from pckd.testing.cases import PAIRS, Case

Rows = npt.NDArray[np.float64]
IMAGES = 4
FORMS: dict[str, dict[str, Any]] = {
    "at": {"form": "norms"},
    "sp": {"stages": "all"},
    "pkt": {"form": "paper"},
    "ft": {"form": "factors"},
    "crd": {"normalise": False, "negatives": 5},
    "reviewkd": {"starts_at_zero": True},
}


@pytest.mark.parametrize("term", FORMS)
def test_a_form_passes_the_checks(term: str) -> None:
    check_term(term, FORMS[term])


def drawn(seed: int, *shape: int) -> Rows:
    return np.random.default_rng(seed).normal(size=shape)


def value(term: str, student: dict[str, Any], teacher: dict[str, Any], **more: Any) -> float:  # noqa: ANN401
    return evaluate_term(
        term,
        student=student,
        teacher=teacher,
        labels=[0, 1, 0, 1],
        parameters=FORMS[term],
        **more,
    ).item()


def stages(seed: int, channels: int) -> list[Rows]:
    return [drawn(seed + place, IMAGES, channels, 4, 4) for place in range(3)]


def unit(row: Rows) -> Rows:
    scaled: Rows = row / np.sqrt((row * row).sum())
    return scaled


def test_attention_by_norms() -> None:
    ours, theirs = stages(0, 3), stages(10, 5)
    total = 0.0
    for own, other in zip(ours[1:], theirs[1:], strict=True):
        for image in range(IMAGES):
            one = unit((own[image] ** 2).mean(0).ravel())
            two = unit((other[image] ** 2).mean(0).ravel())
            total += np.sqrt(((one - two) ** 2).sum()) / 2 / IMAGES
    assert value("at", {"maps": ours}, {"maps": theirs}) == pytest.approx(total, rel=1e-9)


def test_similarities_of_all_stages() -> None:
    ours, theirs = stages(0, 3), stages(10, 5)
    total = 0.0
    for own, other in zip(ours[1:], theirs[1:], strict=True):
        grams = []
        for maps in (own, other):
            rows = maps.reshape(IMAGES, -1)
            grams.append([unit(np.array([(one * two).sum() for two in rows])) for one in rows])
        total += ((np.array(grams[0]) - np.array(grams[1])) ** 2).mean()
    assert value("sp", {"maps": ours}, {"maps": theirs}) == pytest.approx(total, rel=1e-9)


def test_neighbours_without_the_sample_itself() -> None:
    ours, theirs = drawn(0, IMAGES, 6), drawn(1, IMAGES, 8)

    def shares(rows: Rows, anchor: int) -> Rows:
        others = [place for place in range(IMAGES) if place != anchor]
        near = [(unit(rows[anchor]) @ unit(rows[other]) + 1) / 2 for other in others]
        return np.array(near) / sum(near)

    total = 0.0
    for anchor in range(IMAGES):
        one, two = shares(ours, anchor), shares(theirs, anchor)
        total += (two * np.log(two / one)).sum() / IMAGES
    found = value("pkt", {"features": ours}, {"features": theirs})
    assert found == pytest.approx(total, rel=1e-5)  # 1e-7 is added to lengths and shares


def test_whole_factors() -> None:
    ours, theirs = drawn(0, IMAGES, 3, 4, 4), drawn(1, IMAGES, 4, 4, 4)
    factors = torch.as_tensor(ours), torch.as_tensor(theirs[:, :3])
    total = sum(
        np.abs(unit(one.ravel()) - unit(two.ravel())).mean() / IMAGES
        for one, two in zip(ours, theirs[:, :3], strict=True)
    )
    assert whole_factor_loss(*factors).mean().item() == pytest.approx(total, rel=1e-9)


def test_the_critic_without_normaliser() -> None:
    settings = CRDConfig(negatives=2, width=3, temperature=0.5, normalise=False)
    features, others = drawn(0, IMAGES, 5), drawn(1, IMAGES, 6)
    parts = {
        "student.weight": drawn(2, 3, 5),
        "student.bias": drawn(3, 3),
        "student.memory": drawn(4, IMAGES, 3),
        "teacher.weight": drawn(5, 3, 6),
        "teacher.bias": drawn(6, 3),
        "teacher.memory": drawn(7, IMAGES, 3),
    }
    total = 0.0
    sides = (("student", features, "teacher"), ("teacher", others, "student"))
    for image, (side, rows, other) in ((i, s) for i in range(IMAGES) for s in sides):
        embedded = unit(parts[f"{side}.weight"] @ rows[image] + parts[f"{side}.bias"])
        negatives = [place for place in range(IMAGES) if place % 2 != image % 2]
        for place in (image, *negatives):
            score = np.exp(parts[f"{other}.memory"][place] @ embedded / 0.5)
            share = score / (score + 2 / IMAGES)
            total -= np.log(share if place == image else 1 - share) / IMAGES
    found = evaluate_term(
        "crd",
        student={"features": features},
        teacher={"features": others},
        labels=[0, 1, 0, 1],
        parameters=settings.model_dump(),
        parts=parts,
    )
    assert found.item() == pytest.approx(total, rel=1e-5)  # 1e-7 is added to denominators


def test_a_review_that_starts_at_zero() -> None:
    config = ReviewKDConfig(weight=2.0, warm_up=4, starts_at_zero=True)
    term = Case(ReviewKD, config, PAIRS[0]).build()
    assert [term.weight_at(epoch) for epoch in (1, 2, 5, 6)] == [0.0, 0.5, 2.0, 2.0]
