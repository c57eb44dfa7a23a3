"""Equations 1 to 7 the way the peers write them: sample by sample, copy by copy.

Symbols, shapes and sources are those of `pckd.method.terms`, of which nothing is used here: what
both compute must agree. Features come as [B, K, d], everything else of copy 0 as [B, ...].
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

RELEASE_SCALE = 0.07


def preview_weights(entropies: Tensor, threshold: float) -> list[float]:
    """Eq. 5 and 6: the weight v of each sample, from the cross entropies of the batch, [B]."""
    mean = entropies.mean().item()
    weights = []
    for entropy in entropies:
        gamma = entropy.item() / mean
        weights.append(1.0 if gamma <= threshold else math.exp(-(gamma**2)))
    return weights


def weighted_mean(values: Tensor, weights: list[float]) -> Tensor:
    """The mean over samples of v_i times value_i; values are [B] or [B, K]."""
    total = torch.zeros((), dtype=values.dtype, device=values.device)
    for value, weight in zip(values, weights, strict=True):
        total = total + weight * value.mean()
    return total / len(weights)


def distillation(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Eq. 1, per sample: [B]."""
    log_student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.softmax(teacher_logits / temperature, dim=1)
    return F.kl_div(log_student, teacher, reduction="none").sum(1) * temperature**2


def feature_alignment(projected: Tensor, teacher_features: Tensor) -> Tensor:
    """Eq. 2: mean squared distance of unit vectors, over samples and copies; both [B, K, d]."""
    distances = []
    for k in range(projected.shape[1]):
        difference = F.normalize(projected[:, k]) - F.normalize(teacher_features[:, k])
        distances.append(difference.pow(2).sum(1).mean())
    return torch.stack(distances).mean()


def center_alignment(
    student_centers: Tensor, student_bias: Tensor, teacher_centers: Tensor, teacher_bias: Tensor
) -> Tensor:
    """Eq. 3."""
    squares = (student_centers - teacher_centers).pow(2).sum()
    squares = squares + (student_bias - teacher_bias).pow(2).sum()
    return squares / (student_centers.numel() + student_bias.numel())


def paper_contrast(
    to_student: Tensor,
    to_teacher: Tensor,
    centers: Tensor,
    teacher_centers: Tensor,
    labels: Tensor,
    temperature: float,
) -> Tensor:
    """Eq. 4 as the paper has it, [B, K].

    Args:
        to_student: Student features as they are, [B, K, d_s].
        to_teacher: Student features at the teacher's width, [B, K, d_t].
        centers: W_s, [M, d_s].
        teacher_centers: W_t, [M, d_t].
        labels: [B].
        temperature: tau.
    """
    columns = []
    for k in range(to_student.shape[1]):
        own = F.linear(F.normalize(to_student[:, k]), F.normalize(centers))
        other = F.linear(F.normalize(to_teacher[:, k]), F.normalize(teacher_centers))
        columns.append(
            F.cross_entropy(own / temperature, labels, reduction="none")
            + F.cross_entropy(other / temperature, labels, reduction="none")
        )
    return torch.stack(columns, dim=1)


def release_contrast(
    to_student: Tensor,
    to_teacher: Tensor,
    centers: Tensor,
    teacher_centers: Tensor,
    labels: Tensor,
    temperature: float,
) -> Tensor:
    """Eq. 4 as the release has it, [B, K]; arguments as above, features mapped by A_s and A_t."""
    batch, copies = to_student.shape[:2]
    own = F.normalize(to_student.flatten(0, 1)) @ centers.T
    other = F.normalize(to_teacher.flatten(0, 1)) @ teacher_centers.T
    pool = torch.cat([own, other])
    pool_labels = labels.repeat_interleave(copies).repeat(2)
    similarity = pool @ pool.T / temperature
    others = 1 - torch.eye(len(pool), dtype=pool.dtype, device=pool.device)
    shifted = similarity - similarity.max(dim=1, keepdim=True).values.detach()
    log_probability = shifted - (shifted.exp() * others).sum(1, keepdim=True).log()
    positive = (pool_labels[:, None] == pool_labels[None, :]).to(pool.dtype) * others
    each = -(temperature / RELEASE_SCALE) * (positive * log_probability).sum(1) / positive.sum(1)
    return (each[: batch * copies] + each[batch * copies :]).view(batch, copies)
