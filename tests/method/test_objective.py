"""Eq. 8: the whole against a slow loop, and each term alone."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from pckd.errors import InputError
from pckd.method import STRATEGIES, ObjectiveValue, Side, find_term
from tests.method.pckd_objective import PCKD, TERMS

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

WEIGHTS = {
    "cross_entropy": 0.9,
    "kd": 0.7,
    "center_contrast": 0.05,
    "feature_alignment": 20.0,
    "center_alignment": 1.3,
}
FORMS = ("paper", "release")
LIMIT = 1.05

forms = pytest.mark.parametrize("form", FORMS)


class Case(NamedTuple):
    """An objective whose every part can be told from the others, and the oracle's description."""

    objective: PCKD
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
    own: dict[str, dict[str, Any]] = {
        "kd": {"temperature": 3.0},
        "center_contrast": {"form": form, "temperature": tau},
        "feature_alignment": {"width": 2},
    }
    objective = PCKD(
        weights,
        own,
        teacher_width=teacher_width,
        weigh=STRATEGIES[strategy],
        applies_to=weighted_terms,
    ).double()
    alignment = objective.term("feature_alignment").head
    contrast = objective.term("center_contrast").contrast
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
    return Case(objective, setting)


def numbers(objective: ObjectiveValue) -> dict[str, float]:
    """Every term and the total."""
    return {
        **{name: value.item() for name, value in objective.terms.items()},
        "total": objective.total.item(),
    }


def networks(oracle: ModuleType, *encoded: Side) -> list[Any]:
    """Input of the oracle, in place of `Side`."""
    return [oracle.Network(*(value.tolist() for value in each[:4])) for each in encoded]


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
    less = make_case(form).objective
    less.load_state_dict(full.state_dict())
    del less.objective.terms[off]
    less.objective.summed.remove(off)
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
    own: dict[str, Any] = {"kd": {"temperature": 3.0}, "feature_alignment": {"width": 2}}
    own["center_contrast"] = {"temperature": 0.3}
    alone = PCKD({term: 2.0}, own).double()
    alone.objective.terms[term].load_state_dict(full.term(term).state_dict())
    value = alone(*batch, LIMIT)
    assert list(value.terms) == [term]
    torch.testing.assert_close(value.total, 2 * full(*batch, LIMIT).terms[term])


def test_identical_networks_are_aligned(make_batch: BatchMaker) -> None:
    student, _, labels = make_batch()
    weights = {"feature_alignment": 1.0, "center_alignment": 1.0, "kd": 1.0}
    objective = PCKD(weights)
    objective.term("feature_alignment").head = nn.Identity()
    value = objective(student, student, labels, LIMIT)
    assert numbers(value) == pytest.approx(dict.fromkeys([*weights, "total"], 0.0), abs=1e-12)


def test_cross_entropy_alone_needs_no_teacher(make_batch: BatchMaker) -> None:
    student, _, labels = make_batch()
    value = PCKD({"cross_entropy": 1.0})(student, None, labels, LIMIT)
    assert list(value.terms) == ["cross_entropy"]
    torch.testing.assert_close(
        value.total, nn.functional.cross_entropy(student.logits[:, 0], labels)
    )


@pytest.mark.parametrize("term", [term for term in TERMS if term != "cross_entropy"])
def test_a_term_without_its_teacher_is_refused(make_batch: BatchMaker, term: str) -> None:
    student, _, labels = make_batch()
    with pytest.raises(ValueError, match="without a teacher"):
        PCKD({term: 1.0})(student, None, labels, LIMIT)


def test_center_alignment_of_different_widths_is_refused(make_batch: BatchMaker) -> None:
    student, teacher, labels = make_batch(teacher_width=6)
    with pytest.raises(ValueError, match="one shape"):
        PCKD({"center_alignment": 1.0})(student, teacher, labels, LIMIT)


def test_a_name_that_does_not_exist_is_refused_with_its_near_misses() -> None:
    with pytest.raises(InputError, match="kdd is not a known term; did you mean kd"):
        find_term("kdd")
