"""Processes that train one network together, and the exchange of numbers between them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather, all_reduce
from torch.nn.parallel import DistributedDataParallel

from pckd.errors import InputError, RunError
from pckd.method import SingleProcess


class LocalGroup(SingleProcess):
    """A group of one: this process trains alone."""

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module itself."""
        return module

    def apart(self, module: nn.Module) -> AbstractContextManager[None]:
        """Keep gradients in this process, where they are anyway."""
        return nullcontext()

    def sum(self, value: Tensor) -> Tensor:
        """Return the value itself."""
        return value

    def share_errors(self) -> AbstractContextManager[None]:
        """Let errors through: no other process has to hear of them."""
        return nullcontext()


class DataParallelGroup:
    """All ranks of the initialised default process group of torch.distributed.

    Every rank holds an equal share of each batch, and BatchNorm is synchronised, so that the number
    of ranks does not change what is computed.
    """

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def wrap(self, module: nn.Module) -> nn.Module:
        """Wrap the module in DDP, with synchronised BatchNorm layers."""
        on_cuda = next(module.parameters()).is_cuda
        if on_cuda:
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        else:
            synchronise_batch_norm(module)
        return DistributedDataParallel(module, broadcast_buffers=False)

    def apart(self, module: nn.Module) -> AbstractContextManager[None]:
        """Skip gradient synchronisation inside this block (DDP's `no_sync`)."""
        assert isinstance(module, DistributedDataParallel)
        waiting: AbstractContextManager[None] = module.no_sync()
        return waiting

    def mean(self, value: Tensor) -> Tensor:
        """Average over the ranks, without gradient."""
        return self.sum(value) / self.size

    def sum(self, value: Tensor) -> Tensor:
        """Sum over the ranks, without gradient."""
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    @contextmanager
    def share_errors(self) -> Iterator[None]:
        """Raise any rank's `RunError` on all ranks at the end of this block, so that none hangs.

        Ranks that communicate inside the block must reach its end whatever happens.
        """
        mine: str | None = None
        try:
            yield
        except RunError as error:
            mine = str(error)
        everyones: list[str | None] = [None] * self.size
        dist.all_gather_object(everyones, mine)
        for message in everyones:
            if message is not None:
                raise RunError(message)

    def gather(self, rows: Tensor) -> Tensor:
        """Gather the rows of all ranks, in the order of the ranks; gradients flow back to each."""
        if not rows.is_floating_point():
            parts = [torch.empty_like(rows) for _ in range(self.size)]
            dist.all_gather(parts, rows.contiguous())
            return torch.cat(parts)
        gathered: Any = all_gather(rows.contiguous())
        return torch.cat(tuple(gathered))


Group = LocalGroup | DataParallelGroup


def check_even_batches(images: int, batch_size: int, workers: int) -> None:
    """Refuse a batch that the workers cannot share evenly.

    Raises:
        InputError: The batch size, or the last batch of an epoch, is no multiple of `workers`.
    """
    if batch_size % workers:
        raise InputError(
            f"optimization.batch_size is {batch_size}, which {workers} workers cannot share evenly"
        )
    if images % batch_size % workers:
        raise InputError(
            f"the last batch of an epoch has {images % batch_size} of {images} images, which "
            f"{workers} workers cannot share evenly; choose another optimization.batch_size"
        )


def synchronise_batch_norm(module: nn.Module) -> None:
    """Make every BatchNorm layer compute its statistics over all ranks, in place, on any device.

    PyTorch's own SyncBatchNorm refuses tensors on the CPU.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            is_flat = isinstance(layer, nn.BatchNorm1d)
            kind: type = _SynchronisedBatchNorm1d if is_flat else _SynchronisedBatchNorm2d
            layer.__class__ = kind


def _synchronised_forward(layer: nn.BatchNorm1d | nn.BatchNorm2d, values: Tensor) -> Tensor:
    """BatchNorm with the mean and variance of all ranks' values, [N, C] or [N, C, H, W].

    In full precision, also under autocast, as PyTorch's own.
    """
    values = values.float() if values.dtype == torch.bfloat16 else values
    others = [0, *range(2, values.dim())]
    count = values.numel() // values.shape[1] * dist.get_world_size()
    mean = all_reduce(values.sum(others)) / count
    shape = (1, -1, *[1] * (values.dim() - 2))
    variance = all_reduce((values - mean.view(shape)).square().sum(others)) / count
    momentum = layer.momentum if layer.momentum is not None else 0.1
    if layer.running_mean is not None and layer.running_var is not None:
        with torch.no_grad():
            layer.running_mean.lerp_(mean, momentum)
            layer.running_var.lerp_(variance * (count / (count - 1)), momentum)
    if layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    scaled = (values - mean.view(shape)) * torch.rsqrt(variance + layer.eps).view(shape)
    result: Tensor = scaled * layer.weight.view(shape) + layer.bias.view(shape)
    return result


class _SynchronisedBatchNorm1d(nn.BatchNorm1d):
    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        return _synchronised_forward(self, input)


class _SynchronisedBatchNorm2d(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        return _synchronised_forward(self, input)
