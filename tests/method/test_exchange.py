"""Data-parallel training: two ranks with half the batch each compute what one with all of it does.

No processes: the exchange of each rank answers with values that were computed on the whole batch.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pckd.method import Exchange, ObjectiveValue, Side, SingleProcess
from tests.method.pckd_objective import PCKD, TERMS

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

LIMIT = 1.05
RANKS = 2
forms = pytest.mark.parametrize("form", ["paper", "release"])


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

    size = RANKS

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


def shard(encoded: Side, rank: int) -> Side:
    """The part of the batch that one rank holds; the classifier is everywhere."""
    features, logits = (value.chunk(RANKS)[rank] for value in encoded[:2])
    return encoded._replace(features=features, logits=logits)


def make_objective(form: str, exchange: Exchange) -> PCKD:
    """All terms; a linear head, since BatchNorm would need an exchange of its own."""
    own = {"center_contrast": {"form": form, "temperature": 1.0}}
    objective = PCKD(dict.fromkeys(TERMS, 1.0), own, exchange=exchange)
    objective.term("feature_alignment").head = nn.Linear(4, 4)
    return objective.double()


def whole_and_parts(
    form: str, batch: tuple[Side, Side, Tensor], *, connected: bool = True
) -> tuple[ObjectiveValue, list[ObjectiveValue], nn.Module]:
    """Eq. 8 on the whole batch, on each rank's part, and the heads that both use."""
    student, teacher, labels = batch
    record = Recording()
    whole = make_objective(form, record)
    value = whole(student, teacher, labels, LIMIT)
    parts = []
    for rank in range(RANKS):
        exchange = Replaying(rank, record) if connected else SingleProcess()
        each = make_objective(form, exchange)
        each.objective = whole.objective
        share = shard(student, rank), shard(teacher, rank), labels.chunk(RANKS)[rank]
        parts.append(each(*share, LIMIT))
    return value, parts, whole


@forms
def test_the_mean_over_ranks_is_the_value_of_the_whole_batch(
    make_batch: BatchMaker, form: str
) -> None:
    whole, parts, _ = whole_and_parts(form, make_batch(images=8))
    for name in TERMS:
        mean = torch.stack([part.terms[name] for part in parts]).mean()
        torch.testing.assert_close(mean, whole.terms[name], rtol=1e-10, atol=1e-10)
    total = torch.stack([part.total for part in parts]).mean()
    torch.testing.assert_close(total, whole.total, rtol=1e-10, atol=1e-10)


@forms
def test_the_mean_of_the_ranks_gradients_is_the_gradient_of_the_whole_batch(
    make_batch: BatchMaker, form: str
) -> None:
    batch = make_batch(images=8)
    leaves = [value.requires_grad_() for value in batch[0][:4]]
    whole, parts, heads = whole_and_parts(form, batch)
    receivers = [*leaves, *heads.parameters()]
    mean = torch.stack([part.total for part in parts]).mean()
    expected = torch.autograd.grad(whole.total, receivers, retain_graph=True)
    gradient = torch.autograd.grad(mean, receivers)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


@forms
def test_the_statistics_of_the_ranks_add_up(make_batch: BatchMaker, form: str) -> None:
    whole, parts, _ = whole_and_parts(form, make_batch(images=8))
    sums = [
        torch.stack(values).sum() for values in zip(*(p.statistics for p in parts), strict=True)
    ]
    torch.testing.assert_close(sums, list(whole.statistics), rtol=1e-10, atol=1e-10)


@forms
def test_ranks_that_do_not_exchange_compute_something_else(
    make_batch: BatchMaker, form: str
) -> None:
    """Or else the tests above would hold of anything."""
    whole, parts, _ = whole_and_parts(form, make_batch(images=8), connected=False)
    names = ["kd", "center_contrast"] if form == "release" else ["kd"]
    for name in names:
        mean = torch.stack([part.terms[name] for part in parts]).mean()
        assert (mean - whole.terms[name]).abs() > 1e-3
