"""Checks of what happens to a term in training: learned parts, processes, state, weight."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pckd.method import Term, own_share
from pckd.testing.cases import IMAGES, Batch, Case
from pckd.testing.ranks import ThreadExchange, on_ranks
from pckd.testing.value_checks import learned_parts


def parameters_get_gradients(case: Case) -> str | None:
    """Every learned part gets a gradient: data-parallel training waits for it."""
    term = case.build()
    batch, _, _ = case.batch().with_leaves()
    term(batch.step()).sum().backward()
    learned = [(name, each) for name, each in term.named_parameters() if each.requires_grad]
    idle = [name for name, each in learned if each.grad is None]
    return f"its learned part {idle[0]} gets no gradient" if idle else None


def ranks_equal_one_process(case: Case) -> str | None:
    """Two processes with half the batch each get the value, gradient and state of one."""
    whole, parts = case.build(), [case.build() for _ in range(2)]
    batch, inputs, _ = case.batch().with_leaves()
    one = whole(batch.step()).mean()
    two = torch.stack(on_ranks([_share(part, batch) for part in parts])).mean()
    if not _near(one, two):
        return f"two processes together give {two.item():.9g}, one gives {one.item():.9g}"
    alone = _gradients(one, inputs, [whole])
    if not all(map(_near, alone, _gradients(two, inputs, parts))):
        return "two processes together give another gradient than one: see `whole_batch`"
    for part in parts:
        if not all(map(_near, part.buffers(), whole.buffers())):
            return "its state differs between processes: update it from gathered rows"
    return None


def _gradients(value: Tensor, inputs: list[Tensor], terms: list[Term[Any]]) -> list[Tensor]:
    """Gradients of the inputs, and of each learned part, added up over the processes."""
    copies = [learned_parts(term) for term in terms]
    leaves = [*inputs, *(part for learned in copies for part in learned)]
    each = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    learned = each[len(inputs) :]
    count = len(copies[0])
    added = [torch.stack(learned[place::count]).sum(0) for place in range(count)]
    return [*each[: len(inputs)], *added]


def _share(term: Term[Any], batch: Batch) -> Callable[[ThreadExchange], Tensor]:
    """The mean over one rank's share of the batch."""

    def compute(exchange: ThreadExchange) -> Tensor:
        own = batch.pick(own_share(torch.arange(IMAGES), exchange))
        value: Tensor = term(own.step(exchange)).mean()
        return value

    return compute


def state_is_kept(case: Case) -> str | None:
    """A term that is stored and loaded goes on as before, whatever else was drawn meanwhile."""
    term, loaded, step = case.build(), case.new(), case.batch().step()
    term(case.batch(seed=2).step())
    loaded.load_state_dict(term.state_dict())
    expected = term(step)
    torch.manual_seed(1)
    if torch.equal(loaded(step), expected):
        return None
    return (
        "a stored and loaded term gives another value: keep state in buffers, and draw random "
        "numbers from step.generator"
    )


def weight_counts(case: Case) -> str | None:
    """A weight of 0 turns the term off in every epoch."""
    off = Case(case.kind, case.config.model_copy(update={"weight": 0.0}), case.pair)
    weights = {off.build().weight_at(epoch) for epoch in (1, 2, 100)}
    return None if weights == {0.0} else "its weight is not 0 in every epoch where `weight` is 0"


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-7, atol=1e-10)
