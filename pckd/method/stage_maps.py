"""Stage maps of student and teacher, side by side: the terms on maps share this.

A stage is a map after the stem's. Stages are paired by their place, and maps of unequal size meet
at the smaller height by average pooling.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from pckd.method.term import NetworkShape, Refused, Side, Step, Task


def stages(side: Side) -> list[Tensor]:
    """The map of each stage for copy 0, [B, C, H, W] each; the stem's is left out."""
    return [each[:, 0] for each in side.maps[1:]]


def paired_stages(step: Step) -> list[tuple[Tensor, Tensor]]:
    """The student's and the teacher's map of each stage, of one size, the teacher's detached."""
    pairs = zip(stages(step.student), stages(step.taught()), strict=True)
    return [matched(student, teacher.detach()) for student, teacher in pairs]


def matched(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps [B, C, H, W] at the smaller height of both, by adaptive average pooling."""
    if student.shape[2] > teacher.shape[2]:
        return _pooled(student, teacher), teacher
    if student.shape[2] < teacher.shape[2]:
        return student, _pooled(teacher, student)
    return student, teacher


def sum_of(losses: Iterable[Tensor]) -> Tensor:
    """The sum over stages of losses [B]."""
    return torch.stack(list(losses)).sum(0)


def unpaired(task: Task) -> Refused | None:
    """A refusal where the networks have unequal numbers of stages, or none."""
    own, others = len(stage_shapes(task.student)), len(stage_shapes(task.taught()))
    if own == others and own:
        return None
    return Refused(f"the student has {own} stages, the teacher {others}")


def stage_shapes(network: NetworkShape) -> tuple[tuple[int, int, int], ...]:
    """(C, H, W) of each stage's map, the same before and after ReLU."""
    return (network.maps or network.maps_before_relu)[1:]


def _pooled(large: Tensor, small: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(large, (small.shape[2], small.shape[3]))
