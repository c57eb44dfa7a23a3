"""Every term on a GPU: the CPU's values and gradients in fp32, finite ones for bf16 networks."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from pckd.method import find_term, list_terms
from pckd.settings import validate
from pckd.testing.cases import PAIRS, Batch, Case
from pckd.testing.terms import AnyTerm, values_of


def _cases(name: str) -> list[Case]:
    kind = find_term(name)
    config = validate(kind.Config, {}, name)
    return [case for case in (Case(kind, config, pair) for pair in PAIRS) if case.unfit is None]


def _outcome(term: AnyTerm, batch: Batch) -> list[Tensor]:
    """The mean value, and the gradients of the student's outputs."""
    ours, leaves, _ = batch.with_leaves()
    value = values_of(term, ours.step()).mean()
    found = torch.autograd.grad(value, leaves, allow_unused=True)
    gradients = [
        torch.zeros_like(leaf) if it is None else it for it, leaf in zip(found, leaves, strict=True)
    ]
    return [value.detach().cpu(), *(each.cpu() for each in gradients)]


@pytest.mark.parametrize("name", list_terms())
def test_a_term_on_the_gpu_equals_the_cpu(name: str, gpu: torch.device) -> None:
    for case in _cases(name):
        term, batch = case.build(torch.float32), case.batch(precision=torch.float32)
        on_gpu = deepcopy(term).to(gpu)
        for ours, theirs in zip(
            _outcome(on_gpu, batch.to(gpu)), _outcome(term, batch), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list_terms())
def test_a_term_is_finite_behind_bf16_networks(name: str, gpu: torch.device) -> None:
    for case in _cases(name):
        term = case.build(torch.float32).to(gpu)
        batch = case.batch(precision=torch.float32).rounded().to(gpu)
        assert all(each.isfinite().all() for each in _outcome(term, batch))


@pytest.mark.parametrize("name", list_terms())
def test_moving_a_batch_and_a_term_changes_no_value(name: str) -> None:
    """The comparison itself, where there is no GPU: from the CPU to the CPU."""
    cpu = torch.device("cpu")
    for case in _cases(name)[:1]:
        term, batch = case.build(torch.float32), case.batch(precision=torch.float32)
        moved = _outcome(deepcopy(term).to(cpu), batch.to(cpu))
        assert all(map(torch.equal, moved, _outcome(term, batch)))
