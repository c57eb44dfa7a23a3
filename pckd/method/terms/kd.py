"""Knowledge distillation: the student's softened predictions follow the teacher's.

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015,
arXiv 1503.02531; Eq. 1 of PCKD (arXiv 2410.14143).
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.logits import prepared_logits
from pckd.method.term import Step, Term, TermConfig


def distillation(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Eq. 1: KL_i = T^2 * sum_j p_t[j] * (log p_t[j] - log p_s[j]), with p = softmax(z / T).

    Args:
        student_logits: z_s of copy 0, [B, M].
        teacher_logits: z_t of copy 0, [B, M]; no gradient flows into them.
        temperature: T > 0.

    Returns:
        [B], in nats times T^2.
    """
    student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1) * temperature**2


class KDConfig(TermConfig):
    """Settings of knowledge distillation; PCKD's weight is lost from its text, 1 is [I]."""

    temperature: float = Field(4.0, gt=0, description="T of both softmaxes [R]")
    standardise: bool = Field(
        False,
        description="whether logits get mean 0 and deviation 1 per sample first (Sun et al., 2024)",
    )


class KD(Term[KDConfig]):
    """KL_i = T^2 KL(softmax(z_t / T) || softmax(z_s / T)), [B], in nats times T^2."""

    Config = KDConfig
    label = "KD"

    def forward(self, step: Step) -> Tensor:
        """Return the divergence of copy 0, [B]."""
        student, teacher = (
            prepared_logits(side.logits[:, 0], standardise=self.config.standardise)
            for side in (step.student, step.taught())
        )
        return distillation(student, teacher, self.config.temperature)
