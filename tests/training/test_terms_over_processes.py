"""Terms that relate samples to each other, or keep state: two processes compute what one does."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pckd.method import Exchange, SingleProcess, find_term, list_terms, own_share
from pckd.testing.cases import IMAGES, PAIRS, Case
from pckd.training.group import DataParallelGroup
from tests.processes import RANKS, run_ranks

STEPS = 2
SETTINGS: dict[str, dict[str, Any]] = {
    "crd": {"negatives": 5},
    "center_contrast": {"form": "release"},
}


def case_of(name: str) -> Case:
    """A term with a smaller student."""
    kind = find_term(name)
    return Case(kind, kind.Config(**SETTINGS.get(name, {})), PAIRS[0])


def related() -> list[str]:
    """The terms that need the whole batch or have state."""
    cases = {name: case_of(name) for name in list_terms()}
    return [name for name, case in cases.items() if case.needs.whole_batch or case.needs.indices]


def trained(name: str, exchange: Exchange) -> dict[str, Tensor]:
    """Values, gradients and state of one process after two steps on its share of each batch."""
    case = case_of(name)
    term, found = case.build(), {}
    for number in range(STEPS):
        mine = case.batch(seed=number).pick(own_share(torch.arange(IMAGES), exchange))
        batch, inputs, _ = mine.with_leaves()
        value = term(batch.step(exchange, seed=number)).mean()
        learned = {name: each for name, each in term.named_parameters() if each.requires_grad}
        leaves = [*inputs, *learned.values()]
        gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
        found[f"{number} value"] = value.detach()
        found |= {f"{number} input {place}": each for place, each in enumerate(gradients)}
        for part, each in zip(learned, gradients[len(inputs) :], strict=True):
            found[f"{number} part {part}"] = each
    return found | {f"state {part}": each for part, each in term.state_dict().items()}


def _rank(rank: int, folder: str, names: list[str]) -> None:
    group = DataParallelGroup()
    torch.save({name: trained(name, group) for name in names}, f"{folder}/{rank}")


def test_two_processes_compute_what_one_does(tmp_path: Path) -> None:
    names = related()
    assert {"rkd", "sp", "cc", "pkt", "dist", "mld", "sskd", "crd"} <= set(names)
    run_ranks(_rank, str(tmp_path), names)
    first, second = (torch.load(tmp_path / str(rank)) for rank in range(RANKS))
    for name in names:
        one = trained(name, SingleProcess())
        for what, expected in one.items():
            ours, theirs = first[name][what], second[name][what]
            both = (ours + theirs) / RANKS
            if "state" in what:
                assert torch.equal(ours, theirs), f"{name}: {what}"
            elif "input" in what and len(ours) < len(expected):
                both = torch.stack([ours, theirs], 1).flatten(0, 1) / RANKS
            said = f"{name}: {what}"
            torch.testing.assert_close(both, expected, rtol=1e-6, atol=1e-9, msg=said)
