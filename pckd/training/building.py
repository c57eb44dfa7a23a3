"""From a `RunConfig` to the objects that compute: student, heads and objective as one module."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pckd.method import (
    STRATEGIES,
    AlignmentHead,
    Encoded,
    Exchange,
    Objective,
    PaperContrast,
    PCKDObjective,
    ReleaseContrast,
)
from pckd.models import Network, create_model
from pckd.training.config import LossConfig, RunConfig

CONTRASTS = {"paper": PaperContrast, "release": ReleaseContrast}


def encode(network: Network, views: Tensor) -> Encoded:
    """What a network says of all copies of all images.

    Args:
        network: Student or teacher.
        views: [B, K, 3, H, W].
    """
    images = views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    outputs = network(images)
    layer = network.classifier_layer
    shape = views.shape[:2]
    return Encoded(
        outputs.features.unflatten(0, shape),
        outputs.logits.unflatten(0, shape),
        layer.weight,
        layer.bias,
    )


class Distillation(nn.Module):
    """Student and objective in one module: its forward pass is Eq. 8 on one batch."""

    def __init__(self, student: Network, objective: PCKDObjective) -> None:
        super().__init__()
        self.student = student
        self.objective = objective

    def forward(
        self, views: Tensor, teacher: Encoded | None, labels: Tensor, threshold: float
    ) -> Objective:
        """Eq. 8.

        Args:
            views: [B, K, 3, H, W].
            teacher: The frozen teacher's outputs for the same views; None without one.
            labels: [B].
            threshold: t of Eq. 7.
        """
        value: Objective = self.objective(encode(self.student, views), teacher, labels, threshold)
        return value


class Built(NamedTuple):
    """What a run computes with, and what its user should know."""

    module: Distillation
    notices: tuple[str, ...]


def build(
    config: RunConfig, num_classes: int, teacher: Network | None, exchange: Exchange
) -> Built:
    """Student, heads and objective, initialised from the run's seed alone.

    Args:
        config: The run.
        num_classes: Of its data.
        teacher: The trained teacher, or None for plain cross entropy.
        exchange: How data-parallel processes see each other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        student = create_model(config.student, num_classes=num_classes)
        weights, notices = _applicable_weights(config.loss, student, teacher)
        objective = _objective(config, weights, student, teacher, exchange)
    return Built(Distillation(student, objective), notices)


def _applicable_weights(
    loss: LossConfig, student: Network, teacher: Network | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The weights; centre alignment is off where the classifiers differ in shape [T]."""
    weights = loss.weights()
    if teacher is None or not weights["center_alignment"]:
        return weights, ()
    if student.feature_width == teacher.feature_width:
        return weights, ()
    notice = (
        "center_alignment is off for this pair: the student's features are "
        f"{student.feature_width} wide, the teacher's {teacher.feature_width}"
    )
    return {**weights, "center_alignment": 0.0}, (notice,)


def _objective(
    config: RunConfig,
    weights: dict[str, float],
    student: Network,
    teacher: Network | None,
    exchange: Exchange,
) -> PCKDObjective:
    loss = config.loss
    alignment = contrast = None
    if teacher is not None:
        widths = student.feature_width, teacher.feature_width
        if weights["feature_alignment"]:
            alignment = AlignmentHead(*widths, width_factor=loss.alignment_width)
        if weights["center_contrast"]:
            contrast = CONTRASTS[loss.contrast_form](*widths, loss.contrast_temperature)
    return PCKDObjective(
        weights,
        temperature=loss.temperature,
        alignment=alignment,
        contrast=contrast,
        weighting=STRATEGIES[config.preview.strategy],
        weighted_terms=config.preview.applies_to,
        exchange=exchange,
    )
