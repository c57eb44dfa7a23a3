"""Normalised knowledge distillation: the other classes are compared after the label is removed.

Source: Yang, Zeng, Yuan, Li, "From Knowledge Distillation to Self-Knowledge Distillation: A
Unified Approach with Normalized Loss and Customized Soft Labels", ICCV 2023, arXiv 2303.13005;
gamma and temperature as in the authors' code for CIFAR-100.
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.logits import without_label
from pckd.method.term import Step, Term, TermConfig


def normalised_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    gamma: float,
    temperature: float,
) -> Tensor:
    """NKD_i = -p_t[y] log p_s[y] - gamma T^2 sum over j != y of q_t[j] log q_s[j].

    p = softmax(z) at temperature 1; q = softmax of z / T over the classes other than y. Both sums
    are cross entropies: a perfect student reaches the teacher's entropies, not 0.

    Args:
        student_logits: z_s of copy 0, [B, M].
        teacher_logits: z_t of copy 0, [B, M]; no gradient flows into them.
        labels: y, [B].
        gamma: Factor of the other classes.
        temperature: T > 0, of the other classes.

    Returns:
        [B], in nats.
    """
    teacher_logits = teacher_logits.detach()
    own_class = labels[:, None]
    confidence = F.softmax(teacher_logits, dim=-1).gather(1, own_class)
    target = confidence * F.log_softmax(student_logits, dim=-1).gather(1, own_class)
    student = F.log_softmax(without_label(student_logits, labels) / temperature, dim=-1)
    teacher = F.softmax(without_label(teacher_logits, labels) / temperature, dim=-1)
    return -target.squeeze(1) - gamma * temperature**2 * (teacher * student).sum(-1)


class NKDConfig(TermConfig):
    """Settings of normalised distillation; the source takes 1.5 and 1 on ImageNet."""

    gamma: float = Field(3.5, ge=0, description="factor of the classes other than the label")
    temperature: float = Field(3.0, gt=0, description="T of the classes other than the label")


class NKD(Term[NKDConfig]):
    """NKD_i = -p_t[y] log p_s[y] - gamma T^2 sum over j != y of q_t[j] log q_s[j], [B], in nats.

    p = softmax(z); q is the softmax of z / T over the classes other than the label y.
    """

    Config = NKDConfig
    label = "NKD"

    def forward(self, step: Step) -> Tensor:
        """Return the two cross entropies of copy 0, [B]."""
        return normalised_distillation(
            step.student.logits[:, 0],
            step.taught().logits[:, 0],
            step.labels,
            gamma=self.config.gamma,
            temperature=self.config.temperature,
        )
