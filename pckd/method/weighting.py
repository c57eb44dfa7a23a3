"""Sample weights: difficulty, threshold and preview weight (Eq. 5 to 7), and the alternatives.

gamma_i is the difficulty of sample i, t the threshold, v_i the weight; a sample is *easy* up to
the threshold and *hard* above it. Weights never carry a gradient [I: the release detaches only the
weights of the rotated copies]. Sources are marked as in `pckd.method.losses`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class Difficulty(NamedTuple):
    """Inputs of a weighting."""

    gamma: Tensor
    """Eq. 5, [B]: cross entropy relative to the batch, 1 is an average sample."""
    threshold: float
    """Eq. 7, t."""
    label_probability: Tensor
    """p_y, [B]: the student's probability of the right class."""


def difficulty(cross_entropy: Tensor, batch_mean: Tensor) -> Tensor:
    """Eq. 5: gamma_i = CE_i / mean(CE), the mean taken over the global batch [T][R].

    Args:
        cross_entropy: CE_i of copy 0, [B], in nats.
        batch_mean: Scalar; in data-parallel training the mean over all processes.

    Returns:
        [B], without gradient; 1 everywhere if the whole batch has no loss left.
    """
    ratio = cross_entropy.detach() / batch_mean.detach()
    return torch.where(batch_mean > 0, ratio, torch.ones_like(ratio))


def threshold(growth_rate: float, epoch: int) -> float:
    """Eq. 7: t = growth_rate ** epoch, epochs counted from 1 [R].

    Args:
        growth_rate: At least 1; 1.005 is the released default [R].
        epoch: The current epoch, from 1.
    """
    return growth_rate**epoch


def preview_weight(sample: Difficulty) -> Tensor:
    """Eq. 6: v_i = 1 if gamma_i <= t, else exp(-gamma_i^2) [R].

    Returns:
        [B], in (0, 1]: what underflows is the smallest positive number instead of 0.
    """
    hard = torch.exp(-sample.gamma.square()).clamp_min(torch.finfo(sample.gamma.dtype).tiny)
    return torch.where(sample.gamma <= sample.threshold, torch.ones_like(hard), hard)


def curriculum_weight(sample: Difficulty) -> Tensor:
    """Curriculum learning, Table IX: hard samples do not count at all [T].

    Returns:
        [B], 1 for easy and 0 for hard samples.
    """
    return (sample.gamma <= sample.threshold).to(sample.gamma.dtype)


def focal_weight(sample: Difficulty) -> Tensor:
    """Focal loss, Table VIII and Figure 6: v_i = (1 - p_y)^2 [R: exponent 2].

    Returns:
        [B], in [0, 1], larger for hard samples: the opposite of preview.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    """
    return (1 - sample.label_probability.detach()).square()


def uniform_weight(sample: Difficulty) -> Tensor:
    """No preview: v_i = 1.

    Returns:
        [B], all ones.
    """
    return torch.ones_like(sample.gamma)


STRATEGIES: Mapping[str, Callable[[Difficulty], Tensor]] = {
    "preview": preview_weight,
    "none": uniform_weight,
    "curriculum": curriculum_weight,
    "focal": focal_weight,
}
"""Each strategy by the name that study files use."""
