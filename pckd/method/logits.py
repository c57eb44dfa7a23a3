"""Transformations of logits that several terms share."""

import math

import torch
from torch import Tensor

from pckd.method.relations import unit

ADDED_TO_DEVIATION = 1e-7


def standardised(logits: Tensor) -> Tensor:
    """Standardise the logits of each sample: z' = (z - mean z) / (1e-7 + std z).

    The deviation is the unbiased one (division by M - 1), and the gradient flows through both.
    Logits that do not differ give the constant 0.

    Args:
        logits: z, [..., M].

    Source:
        Sun, Ren, Li, Wang, Cao, "Logit Standardization in Knowledge Distillation", CVPR 2024,
        and the authors' code.
    """
    scale = math.sqrt(logits.shape[-1] - 1)
    centred = logits - logits.mean(-1, keepdim=True)
    return scale * unit(centred, added=scale * ADDED_TO_DEVIATION)


def prepared_logits(logits: Tensor, *, standardise: bool) -> Tensor:
    """Return the logits, standardised if asked to."""
    return standardised(logits) if standardise else logits


def without_label(values: Tensor, labels: Tensor) -> Tensor:
    """Drop each sample's value for its own class.

    Args:
        values: [B, M].
        labels: Class indices, [B].

    Returns:
        [B, M - 1], in the order of the classes.
    """
    others = torch.arange(values.shape[1] - 1, device=values.device).expand(len(values), -1)
    return values.gather(1, others + (others >= labels[:, None]).long())
