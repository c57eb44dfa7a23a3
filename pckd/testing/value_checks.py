"""Checks of a term's values and gradients on one pair of networks."""

import copy
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pckd.errors import InputError
from pckd.method import Needs, Term
from pckd.testing.cases import IMAGES, Batch, Case

STEP_WIDTH = 1e-6
"""Step of finite differences."""

NEEDED = {
    "teacher": "a teacher",
    "maps": "stage maps",
    "maps_before_relu": "stage maps before ReLU",
    "strong_view": "strong views",
    "indices": "indices",
}
"""Inputs that a term may ask for and then must read, in words."""


def value_has_its_shape(case: Case) -> str | None:
    """Values are finite, and per sample where the term says so."""
    values = _value(case.build(), case.batch())
    shapes = [(IMAGES,), (IMAGES, case.needs.copies)] if case.kind.per_sample else [()]
    if tuple(values.shape) not in shapes:
        allowed = " or ".join(map(str, shapes))
        return (
            f"its value has the shape {tuple(values.shape)}, but with per_sample = "
            f"{case.kind.per_sample} {allowed} is allowed"
        )
    return None if values.isfinite().all() else "its value is not finite on ordinary outputs"


def gradient_is_right(case: Case) -> str | None:
    """The gradient is that of finite differences, learned parts included; the teacher gets none."""
    term = case.build()
    batch, ours, theirs = case.batch().with_leaves()
    computed = copy.deepcopy(term)
    total = computed(batch.step()).sum()
    if not total.requires_grad:
        return "its value has no gradient"
    leaves = [*ours, *learned_parts(computed)]
    gradients = torch.autograd.grad(total, [*leaves, *theirs], allow_unused=True)
    if any(each is not None and bool(each.any()) for each in gradients[len(leaves) :]):
        return "a gradient flows into the teacher: detach what is the teacher's"
    if all(each is None for each in gradients[: len(ours)]):
        return "no gradient flows into the student"
    random = torch.Generator().manual_seed(0)
    ways = [torch.randn(each.shape, generator=random, dtype=each.dtype) for each in leaves]
    pairs = zip(gradients, ways, strict=False)
    expected = sum(float((each * way).sum()) for each, way in pairs if each is not None)
    slope = _slope(term, batch, [*ours, *learned_parts(term)], ways)
    if abs(slope - expected) > 1e-4 * max(abs(slope), abs(expected), 1e-2):
        return f"its gradient is {expected:.6g} along a direction where its slope is {slope:.6g}"
    return None


def learned_parts(term: Term[Any]) -> list[nn.Parameter]:
    """The parts that train; one that was prepared stays as it is."""
    return [each for each in term.parameters() if each.requires_grad]


def _slope(term: Term[Any], batch: Batch, leaves: list[Tensor], ways: list[Tensor]) -> float:
    """Derivative of the sum of values along some directions, by central differences.

    The leaves, of the batch and of the term, stay changed.
    """
    ends = []
    with torch.no_grad():
        for sign in (1.0, -2.0):
            torch._foreach_add_(leaves, ways, alpha=sign * STEP_WIDTH)
            ends.append(_value(term, batch).sum().item())
    return (ends[0] - ends[1]) / (2 * STEP_WIDTH)


def inputs_are_left_alone(case: Case) -> str | None:
    """No output of the networks, label or index is written to."""
    batch, ours, theirs = case.batch().with_leaves()
    numbers = [each for each in (batch.labels, batch.indices) if each is not None]
    before = [each.detach().clone() for each in (*ours, *theirs, *numbers)]
    with torch.no_grad():
        _value(case.build(), batch)
    if all(map(torch.equal, (*ours, *theirs, *numbers), before)):
        return None
    return "it writes into the outputs, labels or indices that it is given"


def needs_are_read(case: Case) -> str | None:
    """Every input that is asked for is read, so that nothing is computed in vain."""
    for name, words in NEEDED.items():
        if not getattr(case.needs, name):
            continue
        fewer = Needs(**{**asdict(case.needs), name: False})
        try:
            case.build()(case.batch(needs=fewer).step())
        except (InputError, ValueError):
            continue
        return f"its `needs` ask for {words}, which it does not read"
    term, batch = case.build(), case.batch()
    if case.needs.copies > 1 and torch.equal(_value(term, batch), _value(term, batch.upright())):
        return f"its `needs` ask for {case.needs.copies} copies, of which it reads the first only"
    return None


def samples_stand_alone(case: Case) -> str | None:
    """Without whole_batch in `needs`, a sample's value does not depend on the other samples."""
    if case.needs.whole_batch:
        return None
    return _alone(case) if case.kind.per_sample else _adds_up(case)


def _alone(case: Case) -> str | None:
    term, images = case.build(), case.batch(images=IMAGES + 1)
    rest = torch.arange(1, IMAGES)
    one, other = (
        _value(term, images.pick(torch.cat([torch.tensor([first]), rest])))[1:]
        for first in (0, IMAGES)
    )
    if torch.allclose(one, other, rtol=1e-9, atol=1e-12):
        return None
    return "another first image changes the values of the others: say whole_batch in its `needs`"


def _adds_up(case: Case) -> str | None:
    term, batch = case.build(), case.batch()
    whole = _value(term, batch)
    if _draws(term, batch, whole):
        return None
    halves = [_value(term, batch.pick(half)) for half in torch.arange(IMAGES).chunk(2)]
    if torch.allclose(whole, torch.stack(halves).mean(), rtol=1e-9, atol=1e-12):
        return None
    return "its value is not the mean of those of half batches: say whole_batch in its `needs`"


def order_does_not_matter(case: Case) -> str | None:
    """Another order of the images gives the same values in that order.

    A term that draws random numbers is not asked.
    """
    term, batch = case.build(), case.batch()
    values = _value(term, batch)
    if case.kind.ordered or _draws(term, batch, values):
        return None
    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(3))
    expected = values[order] if case.kind.per_sample else values
    if torch.allclose(_value(term, batch.pick(order)), expected, rtol=1e-9, atol=1e-12):
        return None
    return "its value depends on the order of the images: set ordered = True if that is meant"


def hard_inputs_stay_finite(case: Case) -> str | None:
    """Numbers stay finite for a student like its teacher, bfloat16, one image, zeros and others."""
    ordinary = case.batch(precision=torch.float32)
    perfect = {"a student like its teacher": ordinary.perfect()} if case.needs.teacher else {}
    for words, batch in {
        **perfect,
        "outputs of networks in bfloat16": ordinary.rounded(),
        "a batch of one image": ordinary.pick(torch.tensor([0])),
        "images of one class": ordinary.pick(torch.tensor([0, 4])),
        "equal images": ordinary.pick(torch.zeros(IMAGES, dtype=torch.long)),
        "outputs that are all 0": ordinary.scaled(0.0),
        "outputs that are 1000 times as large": ordinary.scaled(1000.0),
    }.items():
        term = case.build(torch.float32)
        given, ours, _ = batch.with_leaves()
        value = term(given.step()).mean()
        if not value.isfinite():
            return f"its value is not finite for {words}"
        leaves = [*ours, *learned_parts(term)]
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
        if not all(each is None or bool(each.isfinite().all()) for each in gradients):
            return f"its gradient is not finite for {words}"
    return None


def single_precision_is_enough(case: Case) -> str | None:
    """Values in float32 are those in float64 up to rounding."""
    exact = _value(case.build(), case.batch())
    rounded = _value(case.build(torch.float32), case.batch(precision=torch.float32))
    if torch.allclose(rounded.double(), exact, rtol=1e-3, atol=1e-5):
        return None
    return "its value in float32 is far from that in float64"


def _draws(term: Term[Any], batch: Batch, values: Tensor) -> bool:
    """Return whether a term draws random numbers: another seed gives other values."""
    return not torch.equal(values, _value(term, batch, seed=1))


def _value(term: Term[Any], batch: Batch, seed: int = 0) -> Tensor:
    """The values of a copy of the term, whose own state stays."""
    value: Tensor = copy.deepcopy(term)(batch.step(seed=seed))
    return value
