"""Centre alignment: the student's classifier follows the teacher's.

Source: Eq. 3 of Ding et al., "Preview-based Category Contrastive Learning for Knowledge
Distillation", IEEE TCSVT 2025, arXiv 2410.14143. [T] marks what its text says, [R] what the
authors' first code release does.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.term import Off, Step, Task, Term, TermConfig


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


class CenterAlignmentConfig(TermConfig):
    """Settings of Eq. 3."""

    weight: float = Field(1.0, ge=0, description="factor of the term in the sum [R]")


class CenterAlignment(Term[CenterAlignmentConfig]):
    """CA = mean ([W_s | b_s] - [W_t | b_t])^2, a scalar."""

    Config = CenterAlignmentConfig
    label = "CA"
    per_sample = False

    @classmethod
    def unfit(cls, config: CenterAlignmentConfig, task: Task) -> Off | None:
        """Return that the term is off where the classifiers differ in shape [T]."""
        student, teacher = task.student.width, task.taught().width
        if student == teacher:
            return None
        return Off(f"the student's features are {student} wide, the teacher's {teacher}")

    def forward(self, step: Step) -> Tensor:
        """Return the mean squared difference, a scalar."""
        student, teacher = step.student, step.taught()
        return center_alignment(student.centers, student.bias, teacher.centers, teacher.bias)
