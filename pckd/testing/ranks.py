"""Several ranks of data-parallel training in one process, a thread each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class _Meeting:
    """Meeting point where ranks wait for each other and exchange tensors."""

    def __init__(self, size: int) -> None:
        self.brought: list[Tensor] = [torch.empty(0)] * size
        self.barrier = Barrier(size)

    def everyones(self, rank: int, mine: Tensor) -> list[Tensor]:
        self.brought[rank] = mine
        self.barrier.wait()
        all_of_them = list(self.brought)
        self.barrier.wait()
        return all_of_them


class ThreadExchange:
    """The exchange of one rank; gradients flow back to all, as between processes."""

    def __init__(self, rank: int, meeting: _Meeting) -> None:
        self.rank = rank
        self.size = len(meeting.brought)
        self.meeting = meeting

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over the ranks, without gradient."""
        return torch.stack(self.meeting.everyones(self.rank, value.detach())).mean(0)

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all ranks, in their order."""
        return torch.cat(self.meeting.everyones(self.rank, rows))


def on_ranks(work: Sequence[Callable[[ThreadExchange], Result]]) -> list[Result]:
    """Run a function on each rank and return the results in order; one failure ends all ranks.

    Args:
        work: One function a rank.
    """
    meeting = _Meeting(len(work))

    def of_rank(rank: int) -> Result:
        try:
            return work[rank](ThreadExchange(rank, meeting))
        except BaseException:
            meeting.barrier.abort()
            raise

    with ThreadPoolExecutor(len(work)) as pool:
        running = [pool.submit(of_rank, rank) for rank in range(len(work))]
    errors = [error for each in running if (error := each.exception()) is not None]
    errors.sort(key=lambda error: isinstance(error, BrokenBarrierError))
    if errors:
        raise errors[0]
    return [each.result() for each in running]
