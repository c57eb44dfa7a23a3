"""Equation 8: the weighted sum of the terms, and every term by name.

L = w_ce * CE + w_kd * mean_i(v_i * KL_i) + w_cc * mean_ik(v_i * CC_ik) + w_fa * FA + w_ca * CA

CE, KD and the difficulty use copy 0 of each image; FA and CC use all copies [R].
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pckd.method import losses, preview
from pckd.method.heads import Encoded, Exchange, SingleProcess

TERMS = ("cross_entropy", "kd", "center_contrast", "feature_alignment", "center_alignment")
"""The terms of Eq. 8, by the names that study files and result tables use."""

WEIGHTABLE = ("cross_entropy", "kd", "center_contrast")
"""The terms that exist per sample and that the preview strategy may weight."""


class PreviewStatistics(NamedTuple):
    """Sums over one process's batch, scalars: what Figure 6 is drawn from."""

    easy: Tensor
    """Number of easy samples."""
    easy_weight: Tensor
    """Sum of the weights of easy samples."""
    hard_weight: Tensor
    """Sum of the weights of hard samples."""


class Objective(NamedTuple):
    """The value of Eq. 8 on one batch."""

    total: Tensor
    """L, a scalar with gradient."""
    terms: dict[str, Tensor]
    """Each active term, a scalar before its weight w, after the samples' weights v."""
    statistics: PreviewStatistics


class PCKDObjective(nn.Module):
    """Eq. 8 with its learned heads.

    Args:
        weights: The weight w of each term of `TERMS`; a term of weight 0 or without an entry is
            not computed.
        temperature: T of Eq. 1.
        alignment: The head of Eq. 2, or None where feature alignment is off.
        contrast: `PaperContrast` or `ReleaseContrast`, or None where centre contrast is off.
        weighting: The v of a sample, one of `pckd.method.preview.STRATEGIES`.
        weighted_terms: The terms of `WEIGHTABLE` that v multiplies; the paper's are kd and
            center_contrast, Table VII has cross_entropy.
        exchange: How data-parallel processes see each other.

    Raises:
        ValueError: No term is on, a name is not known, or a term is on whose head is missing.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        temperature: float = 4.0,
        alignment: nn.Module | None = None,
        contrast: nn.Module | None = None,
        weighting: Callable[[preview.Difficulty], Tensor] = preview.preview_weight,
        weighted_terms: Collection[str] = ("kd", "center_contrast"),
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__()
        unknown = weights.keys() - set(TERMS) | set(weighted_terms) - set(WEIGHTABLE)
        if unknown:
            raise ValueError(f"{sorted(unknown)} are not terms, or cannot be weighted by sample")
        self.weights = {name: weights[name] for name in TERMS if weights.get(name, 0.0) != 0.0}
        if not self.weights:
            raise ValueError("every term of the objective has weight 0")
        for term, head in (("feature_alignment", alignment), ("center_contrast", contrast)):
            if term in self.weights and head is None:
                raise ValueError(f"{term} is on, but its head is missing")
        self.temperature = temperature
        self.alignment = alignment
        self.contrast = contrast
        self.weighting = weighting
        self.weighted_terms = frozenset(weighted_terms)
        self.exchange = exchange or SingleProcess()

    def forward(
        self, student: Encoded, teacher: Encoded | None, labels: Tensor, threshold: float
    ) -> Objective:
        """Eq. 8 on one batch, in full precision also under autocast.

        Args:
            student: Of the student, with gradient.
            teacher: Of the teacher; None if only cross entropy is on.
            labels: [B].
            threshold: t of Eq. 7 for this epoch.

        Raises:
            ValueError: A term that needs a teacher is on, and there is none.
        """
        if teacher is None and self.weights.keys() != {"cross_entropy"}:
            raise ValueError(f"{', '.join(self.weights)} cannot be computed without a teacher")
        with torch.autocast(labels.device.type, enabled=False):
            student = _full_precision(student)
            teacher = None if teacher is None else _full_precision(teacher)
            return self._evaluate(student, teacher, labels, threshold)

    def _evaluate(
        self, student: Encoded, teacher: Encoded | None, labels: Tensor, threshold: float
    ) -> Objective:
        entropy = losses.cross_entropy(student.logits[:, 0], labels)
        sample = preview.Difficulty(
            gamma=preview.difficulty(entropy, self.exchange.mean(entropy.mean())),
            threshold=threshold,
            label_probability=torch.exp(-entropy.detach()),
        )
        weight = self.weighting(sample)
        terms = {
            name: (values * weight.view(-1, *[1] * (values.dim() - 1))).mean()
            if name in self.weighted_terms
            else values.mean()
            for name, values in self._values(entropy, student, teacher, labels).items()
        }
        total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return Objective(total, terms, _statistics(sample, weight))

    def _values(
        self, entropy: Tensor, student: Encoded, teacher: Encoded | None, labels: Tensor
    ) -> dict[str, Tensor]:
        """Each active term, per sample [B], per sample and copy [B, K], or a scalar."""
        values = {"cross_entropy": entropy} if "cross_entropy" in self.weights else {}
        if teacher is None:
            return values
        if "kd" in self.weights:
            values["kd"] = losses.distillation(
                student.logits[:, 0], teacher.logits[:, 0], self.temperature
            )
        if self.contrast is not None and "center_contrast" in self.weights:
            values["center_contrast"] = self.contrast(student, teacher, labels, self.exchange)
        if self.alignment is not None and "feature_alignment" in self.weights:
            projected = self.alignment(student.features.flatten(0, 1))
            values["feature_alignment"] = losses.feature_alignment(
                projected.view_as(teacher.features), teacher.features
            )
        if "center_alignment" in self.weights:
            values["center_alignment"] = losses.center_alignment(
                student.centers, student.bias, teacher.centers, teacher.bias
            )
        return values


def _full_precision(encoded: Encoded) -> Encoded:
    """Half-precision tensors as float32, all others as they are."""
    halves = (torch.float16, torch.bfloat16)
    return Encoded(*(value.float() if value.dtype in halves else value for value in encoded))


def _statistics(sample: preview.Difficulty, weight: Tensor) -> PreviewStatistics:
    easy = (sample.gamma <= sample.threshold).to(weight.dtype)
    return PreviewStatistics(easy.sum(), (weight * easy).sum(), (weight * (1 - easy)).sum())
