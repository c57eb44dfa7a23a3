"""Feature alignment: projected student features point where the teacher's do.

Source: Eq. 2 of Ding et al., "Preview-based Category Contrastive Learning for Knowledge
Distillation", IEEE TCSVT 2025, arXiv 2410.14143. [T] marks what its text says, [R] what the
authors' first code release does, [I] what is inferred here.
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pckd.method.term import Needs, Step, Task, Term, TermConfig


def feature_alignment(projected: Tensor, teacher_features: Tensor) -> Tensor:
    """Eq. 2: FA_ik = || g(f_s) / |g(f_s)| - f_t / |f_t| ||^2 = 2 - 2 cos(g(f_s), f_t).

    Args:
        projected: Student features g(f_s) after the alignment head, [B, K, d_t].
        teacher_features: f_t, [B, K, d_t]; no gradient flows into them.

    Returns:
        [B, K], squared distance between unit vectors, 0 to 4 up to rounding.
    """
    return 2 - 2 * F.cosine_similarity(projected, teacher_features.detach(), dim=-1)


class AlignmentHead(nn.Sequential):
    """The g of Eq. 2: BYOL's head [T], Linear(d_s, 16 d_t), BatchNorm, ReLU, Linear(16 d_t, d_t).

    Maps student features [N, d_s] to the teacher's width [N, d_t]. The factor 16 is [R].
    """

    def __init__(self, student_width: int, teacher_width: int, width_factor: int = 16) -> None:
        hidden = width_factor * teacher_width
        super().__init__(
            nn.Linear(student_width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, teacher_width),
        )


class FeatureAlignmentConfig(TermConfig):
    """Settings of Eq. 2."""

    weight: float = Field(20.0, ge=0, description="factor of the term in the sum [R]")
    width: int = Field(16, ge=1, description="hidden width of the head, in teacher widths [R]")


class FeatureAlignment(Term[FeatureAlignmentConfig]):
    """FA_ik = 2 - 2 cos(g(f_s), f_t) with a learned head g, [B, K], 0 to 4."""

    Config = FeatureAlignmentConfig
    label = "FA"

    def __init__(self, config: FeatureAlignmentConfig, task: Task) -> None:
        super().__init__(config, task)
        self.head = AlignmentHead(task.student.width, task.taught().width, config.width)

    @classmethod
    def needs(cls, config: FeatureAlignmentConfig) -> Needs:
        """Return that all four rotated copies are needed [R]."""
        return Needs(copies=4)

    def forward(self, step: Step) -> Tensor:
        """Return the distance of every copy, [B, K]."""
        features = step.taught().features
        projected = self.head(step.student.features.flatten(0, 1))
        return feature_alignment(projected.view_as(features), features)
