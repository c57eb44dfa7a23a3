"""Inputs of the worked values: tensors in float64 that a formula fills, and the loops' tools.

Zero-based indices i0 to i3; axes that are missing drop out; k is a phase.
"""

import torch
from torch import Tensor


def sines(phase: float, *shape: int) -> Tensor:
    """S_k = sin(0.7 i0 + 1.3 i1 + 0.5 i2 + 0.3 i3 + 0.1 + 0.2 k), student quantities."""
    return torch.sin(_combined(shape, (0.7, 1.3, 0.5, 0.3)) + 0.1 + 0.2 * phase)


def cosines(phase: float, *shape: int) -> Tensor:
    """T_k = cos(0.4 i0 - 0.9 i1 + 0.6 i2 - 0.2 i3 + 0.3 k), teacher quantities."""
    return torch.cos(_combined(shape, (0.4, -0.9, 0.6, -0.2)) + 0.3 * phase)


def parts(phase: float, *shape: int) -> Tensor:
    """P_k = 0.3 sin(0.9 i0 + 0.4 i1 - 0.7 i2 + 0.8 i3 + 0.2 + 0.5 k), learned parts."""
    return 0.3 * torch.sin(_combined(shape, (0.9, 0.4, -0.7, 0.8)) + 0.2 + 0.5 * phase)


def _combined(shape: tuple[int, ...], factors: tuple[float, ...]) -> Tensor:
    total = torch.zeros(shape, dtype=torch.float64)
    for axis, size in enumerate(shape):
        others = [1] * len(shape)
        others[axis] = size
        total = total + factors[axis] * torch.arange(size, dtype=torch.float64).view(others)
    return total


def gradient_size(value: Tensor, *inputs: Tensor) -> float:
    """Sum of the absolute values of the gradient with respect to the inputs."""
    gradients = torch.autograd.grad(value.sum(), inputs, retain_graph=True)
    return sum(float(each.abs().sum()) for each in gradients)
