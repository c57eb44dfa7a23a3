"""Multi-level logit distillation: predictions agree per sample, per class and per batch.

Source: Jin, Wang, Lin, "Multi-level Logit Distillation", CVPR 2023, in the form of the authors'
code, whose masks select nothing: they only multiply by shares. It shows each image twice, in a
weak and in a strong view, to teacher and student alike; the student sees one after the other, each
with BatchNorm statistics of its own. At temperatures 2 and 6 its sum over the strong view takes
the weak one.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.exchange import whole_batch
from pckd.method.logits import prepared_logits
from pckd.method.term import Needs, Step, Term, TermConfig
from pckd.method.terms.kd import distillation

STRONG_TEMPERATURES = (3.0, 5.0)
"""Temperatures, besides the configured one, at which the strong view is compared."""

WEAK_TEMPERATURES = (2.0, 6.0)
"""Temperatures at which the authors' strong sum takes the weak view."""


def sample_level(
    weak: tuple[Tensor, Tensor], strong: tuple[Tensor, Tensor], share: Tensor, temperature: float
) -> Tensor:
    """KD = r sum_T K_T(weak) + sum over T0, 3, 5 of K_T(strong) + sum over 2, 6 of K_T(weak).

    The first sum goes over T0, 3, 5, 2 and 6; K_T is `kd`'s divergence, mean over the batch.

    Args:
        weak: Student's and teacher's logits of the weak view, each [B, M].
        strong: The same of the strong view.
        share: r, a scalar.
        temperature: T0.
    """

    def divergence(logits: tuple[Tensor, Tensor], temperatures: tuple[float, ...]) -> Tensor:
        return torch.stack([distillation(*logits, each).mean() for each in temperatures]).sum()

    first = (temperature, *STRONG_TEMPERATURES)
    everywhere = divergence(weak, (*first, *WEAK_TEMPERATURES))
    return share * everywhere + divergence(strong, first) + divergence(weak, WEAK_TEMPERATURES)


def class_level(student: Tensor, teacher: Tensor) -> Tensor:
    """CC_T = 1 / M * |P_t^T P_t - P_s^T P_s|^2, a scalar.

    Args:
        student: P_s, probabilities at T, [B, M].
        teacher: P_t, [B, M].
    """
    return (teacher.T @ teacher - student.T @ student).square().sum() / student.shape[1]


def batch_level(student: Tensor, teacher: Tensor) -> Tensor:
    """BC_T = 1 / B * |P_t P_t^T - P_s P_s^T|^2, a scalar.

    Args:
        student: P_s, probabilities at T, [B, M].
        teacher: P_t, [B, M].
    """
    return (teacher @ teacher.T - student @ student.T).square().sum() / len(student)


def share_up_to_median(values: Tensor) -> Tensor:
    """Share of the values up to their median, which is the mean of the middle two if even.

    Without ties 1/2 for an even count.
    """
    return (values <= values.quantile(0.5)).to(values.dtype).mean()


def multi_level(
    weak: tuple[Tensor, Tensor],
    strong: tuple[Tensor, Tensor],
    *,
    temperature: float,
    standardise: bool = False,
) -> Tensor:
    """MLD = KD + r_c sum_T CC_T + r_i sum_T BC_T, T over T0, 3, 5, 2, 6.

    KD is `sample_level`; r_i is the share of samples whose confidence max_j p_t[i, j] is up to its
    median, r_c the share of classes whose sum_i p_t[i, j] is up to its median, at temperature 1.

    Args:
        weak: Student's and teacher's logits of the weak view, each [B, M]; no gradient flows into
            the teacher's.
        strong: The same of the strong view.
        temperature: T0 > 0.
        standardise: Whether KD alone takes standardised logits.

    Returns:
        A scalar.
    """
    student, teacher = weak[0], weak[1].detach()
    confidences = F.softmax(teacher, dim=-1)
    sample_share = share_up_to_median(confidences.amax(1))
    class_share = share_up_to_median(confidences.sum(0))
    total = sample_level(
        _prepared(weak, standardise), _prepared(strong, standardise), sample_share, temperature
    )
    for each in (temperature, *STRONG_TEMPERATURES, *WEAK_TEMPERATURES):
        ours, theirs = F.softmax(student / each, dim=-1), F.softmax(teacher / each, dim=-1)
        total = total + class_share * class_level(ours, theirs)
        total = total + sample_share * batch_level(ours, theirs)
    return total


def _prepared(logits: tuple[Tensor, Tensor], standardise: bool) -> tuple[Tensor, Tensor]:
    student, teacher = (prepared_logits(each, standardise=standardise) for each in logits)
    return student, teacher


class MLDConfig(TermConfig):
    """Settings of multi-level distillation; the source takes 0.5 and T0 = 1 on ImageNet."""

    weight: float = Field(0.9, ge=0, description="factor of the term in the sum")
    temperature: float = Field(4.0, gt=0, description="T0, the first of five temperatures")
    standardise: bool = Field(
        False,
        description="whether logits get mean 0 and deviation 1 per sample first, in the part per "
        "sample (Sun et al., 2024)",
    )


class MLD(Term[MLDConfig]):
    """MLD = r_i sum_T K_T + sum_T K'_T + r_c sum_T CC_T + r_i sum_T BC_T, a scalar.

    T runs over T0, 3, 5, 2 and 6; K_T is `kd` per sample, CC_T compares classes and BC_T samples
    of the global batch, all of the weak view; K'_T is K_T of the strong view at T0, 3 and 5, and of
    the weak one at 2 and 6. r_i and r_c are the shares of samples and classes up to the median
    confidence.
    """

    Config = MLDConfig
    label = "MLD"
    per_sample = False

    @classmethod
    def needs(cls, config: MLDConfig) -> Needs:
        """Return that there is a strong view, and that samples are related to each other."""
        return Needs(strong_view=True, whole_batch=True)

    def forward(self, step: Step) -> Tensor:
        """Return the sum of all levels on the global batch, copy 0, a scalar."""
        sides = (step.student, step.taught())
        student, teacher = (whole_batch(side.logits[:, 0], step.exchange) for side in sides)
        strong_student, strong_teacher = (
            whole_batch(side.strong(), step.exchange) for side in sides
        )
        return multi_level(
            (student, teacher),
            (strong_student, strong_teacher),
            temperature=self.config.temperature,
            standardise=self.config.standardise,
        )
