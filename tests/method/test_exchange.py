"""Data-parallel training: two ranks with half the batch each compute what one with all of it does.

No processes: the exchange of each rank answers with values that were computed on the whole batch.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pckd.method import (
    TERMS,
    Encoded,
    Objective,
    PaperContrast,
    PCKDObjective,
    ReleaseContrast,
    SingleProcess,
)

BatchMaker = Callable[..., tuple[Encoded, Encoded, Tensor]]

LIMIT = 1.05
RANKS = 2
forms = pytest.mark.parametrize("form", [PaperContrast, ReleaseContrast])
Form = type[PaperContrast] | type[ReleaseContrast]


class Recording(SingleProcess):
    """Holds the whole batch and keeps every answer that it gives."""

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.gathered: list[Tensor] = []

    def mean(self, value: Tensor) -> Tensor:
        self.means.append(super().mean(value))
        return self.means[-1]

    def gather(self, rows: Tensor) -> Tensor:
        self.gathered.append(rows)
        return rows


class Replaying:
    """A rank with its part of the batch: it gets the answers of the whole batch, in their order."""

    def __init__(self, rank: int, record: Recording) -> None:
        self.rank = rank
        self.means = iter(record.means)
        self.gathered = iter(record.gathered)

    def mean(self, value: Tensor) -> Tensor:
        return next(self.means)

    def gather(self, rows: Tensor) -> Tensor:
        pool = next(self.gathered)
        assert torch.equal(pool.chunk(RANKS)[self.rank], rows)
        return pool


def shard(encoded: Encoded, rank: int) -> Encoded:
    """The part of the batch that one rank holds; the classifier is everywhere."""
    features, logits = (value.chunk(RANKS)[rank] for value in encoded[:2])
    return encoded._replace(features=features, logits=logits)


def whole_and_parts(
    form: Form, batch: tuple[Encoded, Encoded, Tensor], *, connected: bool = True
) -> tuple[Objective, list[Objective], nn.Module]:
    """Eq. 8 on the whole batch, on each rank's part, and the heads that both use."""
    student, teacher, labels = batch
    heads: dict[str, Any] = {
        "alignment": nn.Linear(4, 4).double(),
        "contrast": form(4, 4, 1.0).double(),
    }
    weights = dict.fromkeys(TERMS, 1.0)
    record = Recording()
    whole = PCKDObjective(weights, **heads, exchange=record)
    value = whole(student, teacher, labels, LIMIT)
    parts = []
    for rank in range(RANKS):
        exchange = Replaying(rank, record) if connected else SingleProcess()
        each = PCKDObjective(weights, **heads, exchange=exchange)
        share = shard(student, rank), shard(teacher, rank), labels.chunk(RANKS)[rank]
        parts.append(each(*share, LIMIT))
    return value, parts, whole


@forms
def test_the_mean_over_ranks_is_the_value_of_the_whole_batch(
    make_batch: BatchMaker, form: Form
) -> None:
    whole, parts, _ = whole_and_parts(form, make_batch(images=8))
    for name in TERMS:
        mean = torch.stack([part.terms[name] for part in parts]).mean()
        torch.testing.assert_close(mean, whole.terms[name], rtol=1e-10, atol=1e-10)
    total = torch.stack([part.total for part in parts]).mean()
    torch.testing.assert_close(total, whole.total, rtol=1e-10, atol=1e-10)


@forms
def test_the_mean_of_the_ranks_gradients_is_the_gradient_of_the_whole_batch(
    make_batch: BatchMaker, form: Form
) -> None:
    batch = make_batch(images=8)
    leaves = [value.requires_grad_() for value in batch[0]]
    whole, parts, heads = whole_and_parts(form, batch)
    receivers = [*leaves, *heads.parameters()]
    mean = torch.stack([part.total for part in parts]).mean()
    expected = torch.autograd.grad(whole.total, receivers, retain_graph=True)
    gradient = torch.autograd.grad(mean, receivers)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


@forms
def test_the_statistics_of_the_ranks_add_up(make_batch: BatchMaker, form: Form) -> None:
    whole, parts, _ = whole_and_parts(form, make_batch(images=8))
    sums = [
        torch.stack(values).sum() for values in zip(*(p.statistics for p in parts), strict=True)
    ]
    torch.testing.assert_close(sums, list(whole.statistics), rtol=1e-10, atol=1e-10)


@forms
def test_ranks_that_do_not_exchange_compute_something_else(
    make_batch: BatchMaker, form: Form
) -> None:
    """Or else the tests above would hold of anything."""
    whole, parts, _ = whole_and_parts(form, make_batch(images=8), connected=False)
    names = ["kd", "center_contrast"] if form is ReleaseContrast else ["kd"]
    for name in names:
        mean = torch.stack([part.terms[name] for part in parts]).mean()
        assert (mean - whole.terms[name]).abs() > 1e-3
