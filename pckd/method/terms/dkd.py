"""Decoupled knowledge distillation: target and other classes are matched apart.

Source: Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", CVPR 2022,
arXiv 2203.08679; weights and warm-up as in the authors' code for CIFAR-100.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.logits import prepared_logits, without_label
from pckd.method.term import Step, Term, TermConfig


def decoupled(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    beta: float,
    temperature: float,
) -> Tensor:
    """DKD_i = T^2 (alpha TCKD_i + beta NCKD_i).

    TCKD_i = KL(b_t || b_s), with b = (p[y], 1 - p[y]) and p = softmax(z / T);
    NCKD_i = KL(q_t || q_s), with q = softmax of z / T over the classes other than y.
    All logarithms come from logits, never from summed probabilities, which may round to 0.

    Args:
        student_logits: z_s of copy 0, [B, M].
        teacher_logits: z_t of copy 0, [B, M]; no gradient flows into them.
        labels: y, [B].
        alpha: Factor of the target class.
        beta: Factor of the other classes.
        temperature: T > 0.

    Returns:
        [B], in nats times T^2.
    """
    student, teacher = student_logits / temperature, teacher_logits.detach() / temperature
    target = _divergence(_target_or_not(student, labels), _target_or_not(teacher, labels))
    others = _divergence(
        F.log_softmax(without_label(student, labels), dim=-1),
        F.log_softmax(without_label(teacher, labels), dim=-1),
    )
    return temperature**2 * (alpha * target + beta * others)


def _target_or_not(logits: Tensor, labels: Tensor) -> Tensor:
    """Logarithms of p[y] and of 1 - p[y], [B, 2]."""
    own = logits.gather(1, labels[:, None]).squeeze(1)
    others = without_label(logits, labels).logsumexp(1)
    return F.log_softmax(torch.stack([own, others], dim=1), dim=-1)


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || student) of logarithms of probabilities, [B]."""
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


class DKDConfig(TermConfig):
    """Settings of decoupled distillation."""

    alpha: float = Field(1.0, ge=0, description="factor of the target class")
    beta: float = Field(
        8.0,
        ge=0,
        description="factor of the other classes; the source takes 2 for resnet56-20 and "
        "resnet110-32, 6 for the pairs of one wide_resnet or vgg family and vgg13-MobileNetV2, "
        "8 for the others",
    )
    temperature: float = Field(4.0, gt=0, description="T of all softmaxes")
    warm_up: int = Field(
        20, ge=1, description="epochs over which the weight rises in equal steps to its value"
    )
    standardise: bool = Field(
        False,
        description="whether logits get mean 0 and deviation 1 per sample first (Sun et al., 2024)",
    )


class DKD(Term[DKDConfig]):
    """DKD_i = T^2 (alpha KL(b_t || b_s) + beta KL(q_t || q_s)), [B], in nats times T^2.

    b = (p[y], 1 - p[y]); q is the softmax over the classes other than the label y.
    """

    Config = DKDConfig
    label = "DKD"

    def weight_at(self, epoch: int) -> float:
        """Return the weight times min(epoch / warm_up, 1)."""
        return self.config.weight * min(epoch / self.config.warm_up, 1.0)

    def forward(self, step: Step) -> Tensor:
        """Return the two divergences of copy 0, [B]."""
        config = self.config
        student, teacher = (
            prepared_logits(side.logits[:, 0], standardise=config.standardise)
            for side in (step.student, step.taught())
        )
        return decoupled(
            student,
            teacher,
            step.labels,
            alpha=config.alpha,
            beta=config.beta,
            temperature=config.temperature,
        )
