"""Relations between rows that several terms share: unit rows, distances, angles, correlations.

A row of (almost) no length has no direction. It counts as the constant 0 here: no gradient flows
into it, where dividing by a small number would give a finite and useless one of about 1e12.
"""

import torch
from torch import Tensor

SMALLEST_NORM = 1e-12
"""Rows up to this length count as 0."""

SMALLEST_SQUARE = 1e-12
"""Squared distances up to this are the constant 1e-12."""


def unit(rows: Tensor, added: float = 0.0) -> Tensor:
    """Rows divided by their length: r / (|r| + added), the constant 0 for a row without length.

    Args:
        rows: [..., d].
        added: Added to each length.
    """
    squares = rows.square().sum(-1, keepdim=True)
    is_zero = squares <= SMALLEST_NORM**2
    lengths = squares.masked_fill(is_zero, 1.0).sqrt()
    return (rows / (lengths + added)).masked_fill(is_zero, 0.0)


def distances(rows: Tensor) -> Tensor:
    """Euclidean distance of each pair of rows, D_ij = sqrt(max(|r_i - r_j|^2, 1e-12)), D_ii = 0.

    Args:
        rows: [P, d].

    Returns:
        [P, P]; clamped distances and the diagonal are constants.
    """
    squares = (rows[:, None] - rows).square().sum(-1)
    is_small = squares <= SMALLEST_SQUARE
    clamped = squares.masked_fill(is_small, SMALLEST_SQUARE).sqrt()
    return clamped.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), 0.0)


def angles(anchors: Tensor, pool: Tensor) -> Tensor:
    """Cosines of the angles at each anchor: cos_ijk = unit(r_j - r_i) . unit(r_k - r_i).

    Args:
        anchors: r_i, [A, d].
        pool: r_j and r_k, [P, d].

    Returns:
        [A, P, P].
    """
    directions = unit(pool - anchors[:, None])
    return directions @ directions.transpose(1, 2)


def correlation(one: Tensor, other: Tensor, added: float) -> Tensor:
    """Pearson's correlation of rows: <u, v> / (|u| |v| + added), u and v without their means.

    Args:
        one: [N, M].
        other: [N, M].
        added: Added to the product of the lengths, so that rows that hardly vary count little.

    Returns:
        [N], from -1 to 1.
    """
    one = one - one.mean(-1, keepdim=True)
    other = other - other.mean(-1, keepdim=True)
    lengths: Tensor = one.norm(dim=-1) * other.norm(dim=-1)
    return (one * other).sum(-1) / (lengths + added)
