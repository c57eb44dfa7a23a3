"""Sharing batches: what is refused, and synchronised BatchNorm against the whole batch."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pckd.errors import InputError, RunError
from pckd.training.group import (
    DataParallelGroup,
    LocalGroup,
    check_even_batches,
    synchronise_batch_norm,
)
from tests.processes import PROCESSES, run_ranks


@pytest.mark.parametrize(
    ("images", "batch_size", "workers"), [(50_000, 64, 4), (96, 32, 2), (100, 64, 1), (60, 64, 2)]
)
def test_even_batches_are_accepted(images: int, batch_size: int, workers: int) -> None:
    check_even_batches(images, batch_size, workers)


@pytest.mark.parametrize(
    ("images", "batch_size", "sentence"),
    [(100, 63, "batch_size is 63"), (99, 64, "last batch of an epoch has 35 of 99 images")],
)
def test_uneven_batches_are_refused(images: int, batch_size: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_even_batches(images, batch_size, 2)


def _rank(rank: int, values: list[Tensor], out: str) -> None:
    layer = _layer(values[0])
    synchronise_batch_norm(layer)
    mine = values[rank].clone().requires_grad_()
    result = layer(mine)
    (result**3).sum().backward()
    torch.save(
        {
            "result": result.detach(),
            "gradient": mine.grad,
            "weight": layer.weight.grad,
            "state": layer.state_dict(),
        },
        f"{out}{rank}",
    )


def _layer(values: Tensor) -> nn.BatchNorm1d | nn.BatchNorm2d:
    layer = nn.BatchNorm2d(3) if values.dim() == 4 else nn.BatchNorm1d(3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, -0.5]))
        layer.bias.copy_(torch.tensor([0.1, -1.0, 2.0]))
    return layer.double()


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 2, 4)], ids=["rows", "maps"])
def test_synchronised_batch_norm_equals_the_whole_batch(
    shape: tuple[int, ...], tmp_path: str
) -> None:
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(shape, generator=generator, dtype=torch.float64) * 3 + 1
    parts = [whole[0::2].contiguous(), whole[1::2].contiguous()]
    run_ranks(_rank, parts, f"{tmp_path}/rank")

    layer = _layer(whole)
    expected = whole.clone().requires_grad_()
    result = layer(expected)
    (result**3).sum().backward()
    assert expected.grad is not None
    assert layer.weight.grad is not None
    ranks = [torch.load(f"{tmp_path}/rank{rank}", weights_only=True) for rank in range(2)]
    weight = torch.zeros(3, dtype=torch.float64)
    for rank, found in enumerate(ranks):
        torch.testing.assert_close(found["result"], result[rank::2].detach())
        torch.testing.assert_close(found["gradient"], expected.grad[rank::2])
        for name, value in layer.state_dict().items():
            torch.testing.assert_close(found["state"][name], value)
        weight += found["weight"]
    torch.testing.assert_close(weight, layer.weight.grad)


def _count_threads_of_parent(out: str) -> None:
    Path(out).write_text(str(len(list(Path(f"/proc/{os.getppid()}/task").iterdir()))))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of threads here")
def test_ranks_are_forked_from_a_process_without_further_threads(tmp_path: Path) -> None:
    process = PROCESSES.Process(target=_count_threads_of_parent, args=(f"{tmp_path}/threads",))
    process.start()
    process.join()
    assert (tmp_path / "threads").read_text() == "1"


def _sharing_rank(rank: int, out: str) -> None:
    group = DataParallelGroup()
    with group.share_errors():
        group.sum(torch.ones(1))
    message = "none"
    try:
        with group.share_errors():
            group.sum(torch.ones(1))
            if rank == 1:
                raise RunError("rank 1 met something")
    except RunError as error:
        message = str(error)
    Path(f"{out}{rank}").write_text(message)


def _accumulating_rank(rank: int, out: str) -> None:
    group = DataParallelGroup()
    torch.manual_seed(0)
    module = group.wrap(nn.Linear(3, 2))
    inputs = torch.arange(12.0).view(2, 2, 3)[rank]
    with group.apart(module):
        module(inputs[:1]).sum().backward()
    alone = module.module.weight.grad.clone()  # type: ignore[union-attr, operator]
    module(inputs[1:]).sum().backward()
    torch.save((alone, module.module.weight.grad), f"{out}{rank}")  # type: ignore[union-attr]


def test_gradients_of_parts_stay_apart_until_the_last(tmp_path: Path) -> None:
    out = str(tmp_path / "gradient")
    run_ranks(_accumulating_rank, out)
    inputs = torch.arange(12.0).view(2, 2, 3)
    (alone_0, first), (alone_1, second) = (torch.load(f"{out}{rank}") for rank in range(2))
    for alone, mine in zip((alone_0, alone_1), inputs, strict=True):
        assert torch.equal(alone, mine[:1].expand(2, -1))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, inputs.sum((0, 1)).expand(2, -1) / 2)


def test_an_error_of_one_rank_is_raised_on_all(tmp_path: Path) -> None:
    run_ranks(_sharing_rank, f"{tmp_path}/rank")
    assert [(tmp_path / f"rank{rank}").read_text() for rank in range(2)] == [
        "rank 1 met something"
    ] * 2


def test_a_process_alone_raises_its_own_errors() -> None:
    with pytest.raises(RunError, match="mine"), LocalGroup().share_errors():
        raise RunError("mine")
