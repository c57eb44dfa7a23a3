"""Eq. 8: the whole against a slow loop, and each term alone."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from pckd.method import (
    STRATEGIES,
    TERMS,
    AlignmentHead,
    Encoded,
    Objective,
    PaperContrast,
    PCKDObjective,
    ReleaseContrast,
)

BatchMaker = Callable[..., tuple[Encoded, Encoded, Tensor]]

WEIGHTS = {
    "cross_entropy": 0.9,
    "kd": 0.7,
    "center_contrast": 0.05,
    "feature_alignment": 20.0,
    "center_alignment": 1.3,
}
FORMS = {"paper": PaperContrast, "release": ReleaseContrast}
LIMIT = 1.05

forms = pytest.mark.parametrize("form", FORMS)


class Case(NamedTuple):
    """An objective whose every part can be told from the others, and the oracle's description."""

    objective: PCKDObjective
    setting: dict[str, Any]


def make_case(
    form: str,
    *,
    teacher_width: int = 4,
    strategy: str = "preview",
    weighted_terms: tuple[str, ...] = ("kd", "center_contrast"),
) -> Case:
    """An objective for students of width 4; the last term is on only where the widths agree."""
    weights = WEIGHTS if teacher_width == 4 else dict(list(WEIGHTS.items())[:-1])
    tau = 0.3 if form == "paper" else 4.0
    alignment = AlignmentHead(4, teacher_width, width_factor=2).double()
    contrast = FORMS[form](4, teacher_width, tau).double()
    setting = {
        "weights": weights,
        "temperature": 3.0,
        "tau": tau,
        "form": form,
        "strategy": strategy,
        "weighted_terms": weighted_terms,
        "alignment": {name: value.tolist() for name, value in alignment.state_dict().items()},
        "contrast": {name: value.tolist() for name, value in contrast.state_dict().items()},
    }
    objective = PCKDObjective(
        weights,
        temperature=3.0,
        alignment=alignment,
        contrast=contrast,
        weighting=STRATEGIES[strategy],
        weighted_terms=weighted_terms,
    )
    return Case(objective, setting)


def numbers(objective: Objective) -> dict[str, float]:
    """Every term and the total."""
    return {
        **{name: value.item() for name, value in objective.terms.items()},
        "total": objective.total.item(),
    }


def networks(oracle: ModuleType, *encoded: Encoded) -> list[Any]:
    """What the oracle takes instead of `Encoded`."""
    return [oracle.Network(*(value.tolist() for value in each)) for each in encoded]


@forms
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("weighted_terms", [("kd", "center_contrast"), ("cross_entropy",)])
@pytest.mark.parametrize(("copies", "teacher_width"), [(4, 4), (1, 4), (4, 6)])
def test_the_objective_is_the_oracles(
    oracle: ModuleType,
    make_batch: BatchMaker,
    form: str,
    strategy: str,
    weighted_terms: tuple[str, ...],
    copies: int,
    teacher_width: int,
) -> None:
    student, teacher, labels = make_batch(images=6, copies=copies, teacher_width=teacher_width)
    objective, setting = make_case(
        form, teacher_width=teacher_width, strategy=strategy, weighted_terms=weighted_terms
    )
    expected = oracle.objective_terms(
        *networks(oracle, student, teacher), labels.tolist(), LIMIT, oracle.Setting(**setting)
    )
    value = numbers(objective(student, teacher, labels, LIMIT))
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limit", [0.5, LIMIT, 9.0])
def test_the_statistics_are_the_oracles(
    oracle: ModuleType, make_batch: BatchMaker, strategy: str, limit: float
) -> None:
    student, teacher, labels = make_batch(images=9)
    objective, _ = make_case("paper", strategy=strategy)
    gammas, weights = oracle.weights_of_batch(
        student.logits.tolist(), labels.tolist(), limit, strategy
    )
    easy = [weight for gamma, weight in zip(gammas, weights, strict=True) if gamma <= limit]
    hard = [weight for gamma, weight in zip(gammas, weights, strict=True) if gamma > limit]
    statistics = objective(student, teacher, labels, limit).statistics
    expected = [len(easy), sum(easy), sum(hard)]
    assert [value.item() for value in statistics] == pytest.approx(expected, rel=1e-9)


@forms
@pytest.mark.parametrize("off", TERMS)
def test_a_term_of_weight_zero_is_gone_and_the_others_stay(
    make_batch: BatchMaker, form: str, off: str
) -> None:
    batch = make_batch()
    full = make_case(form).objective
    kept = {**WEIGHTS, off: 0.0}
    less = PCKDObjective(kept, temperature=3.0, alignment=full.alignment, contrast=full.contrast)
    with_it, without = full(*batch, LIMIT), less(*batch, LIMIT)
    assert set(with_it.terms) == set(TERMS)
    assert set(without.terms) == set(TERMS) - {off}
    missing = with_it.total - without.total
    torch.testing.assert_close(missing, WEIGHTS[off] * with_it.terms[off])
    assert missing.abs() > 1e-3


@pytest.mark.parametrize("term", TERMS)
def test_each_term_can_stand_alone(make_batch: BatchMaker, term: str) -> None:
    batch = make_batch()
    full = make_case("paper").objective
    heads: dict[str, Any] = {"alignment": full.alignment, "contrast": full.contrast}
    value = PCKDObjective({term: 2.0}, temperature=3.0, **heads)(*batch, LIMIT)
    assert list(value.terms) == [term]
    torch.testing.assert_close(value.total, 2 * full(*batch, LIMIT).terms[term])


def test_identical_networks_are_aligned(make_batch: BatchMaker) -> None:
    student, _, labels = make_batch()
    weights = {"feature_alignment": 1.0, "center_alignment": 1.0, "kd": 1.0}
    value = PCKDObjective(weights, alignment=nn.Identity())(student, student, labels, LIMIT)
    assert numbers(value) == pytest.approx(dict.fromkeys([*weights, "total"], 0.0), abs=1e-12)


def test_cross_entropy_alone_needs_no_teacher(make_batch: BatchMaker) -> None:
    student, _, labels = make_batch()
    value = PCKDObjective({"cross_entropy": 1.0})(student, None, labels, LIMIT)
    assert list(value.terms) == ["cross_entropy"]
    torch.testing.assert_close(
        value.total, nn.functional.cross_entropy(student.logits[:, 0], labels)
    )


def test_the_defaults_are_the_papers(make_batch: BatchMaker) -> None:
    """T = 4, preview on KD and centre contrast."""
    batch = make_batch()
    contrast = PaperContrast(4, 4, 0.1)
    weights = {"cross_entropy": 1.0, "kd": 1.0, "center_contrast": 1.0}
    written_out = PCKDObjective(
        weights,
        temperature=4.0,
        contrast=contrast,
        weighting=STRATEGIES["preview"],
        weighted_terms=("kd", "center_contrast"),
    )
    assert numbers(PCKDObjective(weights, contrast=contrast)(*batch, LIMIT)) == numbers(
        written_out(*batch, LIMIT)
    )


@pytest.mark.parametrize("weights", [{}, {"kd": 0.0, "cross_entropy": 0.0}])
def test_an_objective_without_any_term_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="every term"):
        PCKDObjective(weights)


@pytest.mark.parametrize("term", ["feature_alignment", "center_contrast"])
def test_a_term_without_its_head_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match=term):
        PCKDObjective({"cross_entropy": 1.0, term: 1.0})


@pytest.mark.parametrize("term", [term for term in TERMS if term != "cross_entropy"])
def test_a_term_without_its_teacher_is_refused(make_batch: BatchMaker, term: str) -> None:
    student, _, labels = make_batch()
    full = make_case("paper").objective
    heads: dict[str, Any] = {"alignment": full.alignment, "contrast": full.contrast}
    objective = PCKDObjective({term: 1.0}, **heads)
    with pytest.raises(ValueError, match=rf"{term}.*without a teacher"):
        objective(student, None, labels, LIMIT)


def test_center_alignment_of_different_widths_is_refused(make_batch: BatchMaker) -> None:
    student, teacher, labels = make_batch(teacher_width=6)
    with pytest.raises(ValueError, match="one shape"):
        PCKDObjective({"center_alignment": 1.0})(student, teacher, labels, LIMIT)


@pytest.mark.parametrize(
    "options",
    [
        {"weights": {"kd": 1.0, "kdd": 3.0}},
        {"weights": {"kd": 1.0}, "weighted_terms": ("KD",)},
        {"weights": {"kd": 1.0}, "weighted_terms": ("feature_alignment",)},
    ],
)
def test_a_name_that_does_not_exist_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are not terms"):
        PCKDObjective(**options)
