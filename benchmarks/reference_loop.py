"""The peer: PCKD trained the way RepDistiller-style scripts do it, and the oracle of `pckd`.

Written from its description: a PIL DataLoader, four rotations stacked, student and teacher run on
4B images in every step, a Python loop over the sample weights, SGD. Only the networks are those of
`pckd.models`; losses, data and loop are this folder's own.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import reference_losses as losses
from pckd.models import Network
from pckd.training.config import RunConfig
from pckd.training.learning_rate import learning_rate_at

CONTRASTS = {"paper": losses.paper_contrast, "release": losses.release_contrast}
WEIGHTED = {"kd", "center_contrast"}


class ReferenceLoop:
    """Trains a student, step by step.

    Args:
        config: The run; sample weights other than the paper's are refused.
        student: What is trained, in place.
        teacher: What it learns from; frozen here.
        device: Where to compute.

    Raises:
        ValueError: The run weights its samples in another way than the paper.
    """

    def __init__(
        self, config: RunConfig, student: Network, teacher: Network, device: torch.device
    ) -> None:
        preview = config.preview
        if preview.strategy != "preview" or set(preview.applies_to) != WEIGHTED:
            raise ValueError("the reference loop knows the paper's preview strategy only")
        self.config = config
        self.device = device
        self.student = student.to(device)
        self.teacher = teacher.to(device).eval()
        widths = student.feature_width, teacher.feature_width
        self.heads = learned_heads(config, *widths).to(device)
        optimization = config.optimization
        self.optimizer = torch.optim.SGD(
            [*self.student.parameters(), *self.heads.parameters()],
            lr=optimization.learning_rate,
            momentum=optimization.momentum,
            weight_decay=optimization.weight_decay,
        )

    def train_epoch(self, batches: Iterable[tuple[Tensor, Tensor]], epoch: int) -> list[float]:
        """Train on batches of views [B, 4, 3, H, W] and labels [B]; returns the loss of each step.

        Args:
            batches: On any device.
            epoch: From 1; it decides the learning rate and the threshold of Eq. 7.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.config.optimization, epoch)
        totals = []
        for views, labels in batches:
            terms = self.step(views.to(self.device), labels.to(self.device), epoch)
            totals.append(terms["total"].item())
        return totals

    def step(self, views: Tensor, labels: Tensor, epoch: int) -> dict[str, Tensor]:
        """One step of SGD; returns each term before its weight, and `total`, detached."""
        self.student.train()
        self.heads.train()
        terms = self._terms(views, labels, epoch)
        total = torch.zeros((), dtype=views.dtype, device=self.device)
        for name, value in terms.items():
            total = total + self.config.loss[name].weight * value
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        return {name: value.detach() for name, value in {**terms, "total": total}.items()}

    def _terms(self, views: Tensor, labels: Tensor, epoch: int) -> dict[str, Tensor]:
        shape = views.shape[:2]
        images = views.flatten(0, 1)
        student = self.student(images)
        with torch.no_grad():
            teacher = self.teacher(images)
        features = student.features.view(*shape, -1)
        logits = student.logits.view(*shape, -1)[:, 0]
        teacher_features = teacher.features.view(*shape, -1)
        teacher_logits = teacher.logits.view(*shape, -1)[:, 0]

        entropies = nn.functional.cross_entropy(logits, labels, reduction="none")
        weights = losses.preview_weights(entropies, self.config.preview.growth_rate**epoch)
        divergences = losses.distillation(
            logits, teacher_logits, settings(self.config, "kd")["temperature"]
        )
        projected = self.heads["alignment"](features.flatten(0, 1)).view(*shape, -1)
        terms = {
            "cross_entropy": entropies.mean(),
            "kd": losses.weighted_mean(divergences, weights),
            "center_contrast": losses.weighted_mean(self._contrast(features, labels), weights),
            "feature_alignment": losses.feature_alignment(projected, teacher_features),
        }
        own, other = self.student.classifier_layer, self.teacher.classifier_layer
        if own.weight.shape == other.weight.shape:
            terms["center_alignment"] = losses.center_alignment(
                own.weight, own.bias, other.weight.detach(), other.bias.detach()
            )
        return terms

    def _contrast(self, features: Tensor, labels: Tensor) -> Tensor:
        """CC_ik, [B, K], in the form that the run asks for."""
        contrast = settings(self.config, "center_contrast")
        return CONTRASTS[contrast["form"]](
            self.heads["to_student"](features),
            self.heads["to_teacher"](features),
            self.student.classifier_layer.weight,
            self.teacher.classifier_layer.weight.detach(),
            labels,
            contrast["temperature"],
        )


def learned_heads(config: RunConfig, student_width: int, teacher_width: int) -> nn.ModuleDict:
    """Parts learned beside the student: the head of Eq. 2 and the maps of Eq. 4."""
    released = settings(config, "center_contrast")["form"] == "release"
    projects = released or student_width != teacher_width
    hidden = settings(config, "feature_alignment")["width"] * teacher_width
    return nn.ModuleDict(
        {
            "alignment": nn.Sequential(
                nn.Linear(student_width, hidden),
                nn.BatchNorm1d(hidden),
                nn.ReLU(),
                nn.Linear(hidden, teacher_width),
            ),
            "to_student": nn.Linear(student_width, student_width) if released else nn.Identity(),
            "to_teacher": nn.Linear(student_width, teacher_width) if projects else nn.Identity(),
        }
    )


def settings(config: RunConfig, term: str) -> dict[str, Any]:
    """The settings of a term of the run."""
    return config.loss[term].model_dump()
