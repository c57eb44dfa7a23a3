"""Equations 1 to 4: the loss terms of PCKD, as pure functions of tensors.

Symbols and shapes, used by every function here:

==========  =======================================================  ==============
B, K, M     images, rotated copies of each (1 or 4), classes
d_s, d_t    feature widths of student and teacher
features    penultimate features f, before the classifier            [B, K, d]
logits      z, of copy 0 (the copy that is not rotated)              [B, M]
centers     category centres W: the rows of a classifier's weight    [M, d]
labels      y, class indices                                         [B]
==========  =======================================================  ==============

Terms come back per sample (and per copy, where all copies count), in nats or squared distances,
without their weights: Eq. 8 (`pckd.method.objective`) weights and averages them.

Source: Ding et al., "Preview-based Category Contrastive Learning for Knowledge Distillation",
IEEE TCSVT 2025, arXiv 2410.14143. [T] marks what its text says, [R] what the authors' first code
release does, [I] what is inferred here because the text lost it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SUPERVISED_CONTRAST_SCALE = 0.07
"""Base temperature of the supervised contrastive loss, by which the release rescales it [R]."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy per sample, CE_i = -log softmax(z_i)[y_i].

    Args:
        logits: Student logits of copy 0, [B, M].
        labels: Class indices, [B].

    Returns:
        [B], in nats.
    """
    return F.cross_entropy(logits, labels, reduction="none")


def distillation(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Eq. 1: KL_i = T^2 * sum_j p_t[j] * (log p_t[j] - log p_s[j]), with p = softmax(z / T).

    Args:
        student_logits: z_s of copy 0, [B, M].
        teacher_logits: z_t of copy 0, [B, M]; no gradient flows into them.
        temperature: T > 0; the release uses 4 [R].

    Returns:
        [B], in nats times T^2.
    """
    student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1) * temperature**2


def feature_alignment(projected: Tensor, teacher_features: Tensor) -> Tensor:
    """Eq. 2: FA_ik = || g(f_s) / |g(f_s)| - f_t / |f_t| ||^2 = 2 - 2 cos(g(f_s), f_t).

    Args:
        projected: Student features g(f_s) after the alignment head, [B, K, d_t].
        teacher_features: f_t, [B, K, d_t]; no gradient flows into them.

    Returns:
        [B, K], squared distance between unit vectors, 0 to 4 up to rounding.
    """
    return 2 - 2 * F.cosine_similarity(projected, teacher_features.detach(), dim=-1)


def center_alignment(
    student_centers: Tensor, student_bias: Tensor, teacher_centers: Tensor, teacher_bias: Tensor
) -> Tensor:
    """Eq. 3: CA = mean squared error between [W_s | b_s] and [W_t | b_t], bias included [R].

    Args:
        student_centers: W_s, [M, d].
        student_bias: b_s, [M].
        teacher_centers: W_t, [M, d], of the same shape as W_s; no gradient flows into it.
        teacher_bias: b_t, [M]; no gradient flows into it.

    Returns:
        A scalar, mean over the M * (d + 1) entries.

    Raises:
        ValueError: The classifiers differ in shape; the paper gives the term weight 0 then [T].
    """
    if student_centers.shape != teacher_centers.shape:
        raise ValueError(
            "centre alignment needs classifiers of one shape, not "
            f"{tuple(student_centers.shape)} and {tuple(teacher_centers.shape)}"
        )
    student = torch.cat([student_centers, student_bias.unsqueeze(1)], dim=1)
    teacher = torch.cat([teacher_centers, teacher_bias.unsqueeze(1)], dim=1)
    return F.mse_loss(student, teacher.detach())


def center_contrast(
    features: Tensor, centers: Tensor, labels: Tensor, temperature: float
) -> Tensor:
    """Eq. 4, one half of the paper's form: -log softmax_j(cos(f_ik, W_j) / tau)[y_i] [T].

    CC_ik is this for the student's features and centres, plus this for the student's features
    (projected to d_t where the widths differ [I]) and the teacher's centres.

    Args:
        features: Student features, [B, K, d].
        centers: Category centres, [M, d]; those of the teacher must come detached.
        labels: Class indices, [B].
        temperature: tau > 0; lost from the text, 0.1 is a sane value [I].

    Returns:
        [B, K], in nats.
    """
    similarity = F.normalize(features, dim=-1) @ F.normalize(centers, dim=-1).T
    log_probability = F.log_softmax(similarity / temperature, dim=-1)
    target = labels[:, None, None].expand(-1, features.shape[1], 1)
    return -log_probability.gather(-1, target).squeeze(-1)


def center_similarity(mapped_features: Tensor, centers: Tensor) -> Tensor:
    """The vector u = normalise(A f) @ W^T that the release contrasts [R].

    Args:
        mapped_features: A f, student features after a learned linear map, [B, K, d].
        centers: W, [M, d].

    Returns:
        [B, K, M].
    """
    return F.normalize(mapped_features, dim=-1) @ centers.T


def supervised_contrast(
    anchors: Tensor,
    anchor_labels: Tensor,
    pool: Tensor,
    pool_labels: Tensor,
    positions: Tensor,
    temperature: float,
) -> Tensor:
    """Eq. 4, the release's form: the supervised contrastive loss of each anchor [R].

    loss_a = -(tau / 0.07) * mean over p in P(a) of
    (u_a . u_p / tau - log sum over q != a of exp(u_a . u_q / tau)),
    with P(a) the other rows of the pool that carry a's label.

    Args:
        anchors: u of this process's samples, [A, M].
        anchor_labels: [A].
        pool: u of all processes' samples, [P, M], the anchors among them.
        pool_labels: [P].
        positions: Row of each anchor in the pool, [A]; that row is excluded as "self".
        temperature: tau > 0; the release uses 4.

    Returns:
        [A]. An anchor without another row of its label gives NaN: in PCKD each sample's second
        half is always there.

    Source:
        Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, with the release's scale.
    """
    similarity = anchors @ pool.T / temperature
    is_self = positions[:, None] == torch.arange(len(pool), device=pool.device)
    log_probability = similarity - similarity.masked_fill(is_self, -torch.inf).logsumexp(
        dim=1, keepdim=True
    )
    is_positive = (anchor_labels[:, None] == pool_labels) & ~is_self
    positive_mean = (log_probability * is_positive).sum(1) / is_positive.sum(1)
    return -temperature / SUPERVISED_CONTRAST_SCALE * positive_mean
