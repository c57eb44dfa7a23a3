"""Exchange of samples between the processes that share one global batch."""

from typing import Protocol

from torch import Tensor


class Exchange(Protocol):
    """The processes that share one global batch, each with the same number of samples.

    `pckd.training.group` has the data-parallel one. Process r of S holds the samples r, r + S,
    r + 2 S, ... of the global batch.
    """

    rank: int
    size: int

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes, without gradient."""

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, in the order of their ranks, with gradient."""


class SingleProcess:
    """The exchange of a process that holds the whole batch."""

    rank = 0
    size = 1

    def mean(self, value: Tensor) -> Tensor:
        """Return the value itself, without gradient."""
        return value.detach()

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows themselves."""
        return rows


def whole_batch(rows: Tensor, exchange: Exchange) -> Tensor:
    """Gather the rows of the global batch, in its order, with gradient.

    DDP averages gradients over processes, and the gradient of a gathered row is summed over them:
    a loss of these rows that every process computes alike trains as in one process.

    Args:
        rows: This process's rows, [B, ...].
        exchange: The processes.

    Returns:
        [S B, ...], S processes.
    """
    if exchange.size == 1:
        return rows
    by_rank: Tensor = exchange.gather(rows).unflatten(0, (exchange.size, -1))
    return by_rank.transpose(0, 1).flatten(0, 1)


def own_share(rows: Tensor, exchange: Exchange) -> Tensor:
    """This process's rows [B, ...] of the global batch's [S B, ...]: inverse of `whole_batch`."""
    return rows[exchange.rank :: exchange.size]
