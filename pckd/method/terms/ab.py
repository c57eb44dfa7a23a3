"""Activation boundaries: the student's neurons fire where the teacher's do, before it is trained.

Source: Heo, Lee, Yun, Choi, "Knowledge Transfer via Distillation of Activation Boundaries Formed by
Hidden Neurons", AAAI 2019, arXiv 1811.03233, in RepDistiller's form: connectors only where maps
differ in size, and plain cross entropy afterwards, where the authors' code goes on with KD alone.
"""

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.method.preparation import Preparation, PreparingConfig, PreparingTerm
from pckd.method.stage_maps import sum_of
from pckd.method.term import Needs, NetworkShape, Refused, Side, Task
from pckd.method.terms.fitnet import regressor_of

SCALE = 3 / 1000
"""Factor of the source on CIFAR."""


def boundary_loss(student: Tensor, teacher: Tensor, margin: float) -> Tensor:
    """AB_i of one stage = sum over C H W of max(0, m + x)^2 where t <= 0, else max(0, m - x)^2.

    Args:
        student: x before its ReLU, [B, C, H, W].
        teacher: t before its ReLU, [B, C, H, W]; only its sign counts.
        margin: m.

    Returns:
        [B].
    """
    beyond = torch.where(teacher.detach() > 0, -student, student) + margin
    return beyond.clamp_min(0).square().sum((1, 2, 3))


class ABConfig(PreparingConfig):
    """Settings of activation boundaries."""

    margin: float = Field(1.0, ge=0, description="how far from 0 a neuron is to be")


class Boundaries(Preparation):
    """AB_i = 3/1000 * sum over n stages k of 2^(k - n) * AB_i of stage k, k = 1 to n, [B].

    Learned connectors (a convolution and BatchNorm) take the student's maps to the teacher's where
    they differ in size.
    """

    student_learns = True

    def __init__(self, config: ABConfig, task: Task) -> None:
        super().__init__(config, task)
        self.margin = config.margin
        pairs = zip(_stages(task.student), _stages(task.taught()), strict=True)
        self.connectors = nn.ModuleList(_connector(*pair) or _impossible(*pair) for pair in pairs)

    @classmethod
    def needs(cls, config: ABConfig) -> Needs:
        """Return that stage maps before ReLU are needed."""
        return Needs(maps_before_relu=True)

    def forward(self, student: Side, teacher: Side) -> Tensor:
        """Return the loss of copy 0, [B]."""
        maps = zip(student.maps_before_relu[1:], teacher.maps_before_relu[1:], strict=True)
        count = len(self.connectors)
        return SCALE * sum_of(
            2 ** (place - count) * boundary_loss(connect(own[:, 0]), other[:, 0], self.margin)
            for place, (connect, (own, other)) in enumerate(
                zip(self.connectors, maps, strict=True), start=1
            )
        )


class AB(PreparingTerm[ABConfig]):
    """AB_i = 3/1000 * sum over n stages k of 2^(k - n) * sum of max(0, m -+ x)^2, k = 1 to n, [B].

    x is the student's map before its ReLU, taken to the teacher's size by a learned connector where
    they differ; the sign is - where the teacher's neuron fires, else +; m is `margin`.

    Only the preparation uses it: the student's stages and the connectors learn, then training goes
    on without the term.
    """

    Config = ABConfig
    Preparation = Boundaries
    label = "AB"

    @classmethod
    def unfit(cls, config: ABConfig, task: Task) -> Refused | None:
        """Refuse unequal numbers of stages, and sizes that no connector joins."""
        student, teacher = _stages(task.student), _stages(task.taught())
        if len(student) != len(teacher):
            return Refused(f"the student has {len(student)} stages, the teacher {len(teacher)}")
        for own, other in zip(student, teacher, strict=True):
            if _connector(own, other) is None:
                return Refused(f"no connector takes maps of {own} to {other} (C, H, W)")
        return None


def _stages(network: NetworkShape) -> tuple[tuple[int, int, int], ...]:
    return network.maps_before_relu[1:]


def _connector(own: tuple[int, int, int], other: tuple[int, int, int]) -> nn.Module | None:
    """Make the module that takes a map (C, H, W) to another; None where no convolution does."""
    if own[:2] == other[:2]:
        return nn.Identity()
    convolution = regressor_of(own, other)
    return None if convolution is None else nn.Sequential(convolution, nn.BatchNorm2d(other[0]))


def _impossible(own: tuple[int, int, int], other: tuple[int, int, int]) -> nn.Module:
    raise ValueError(f"no connector takes maps of {own} to {other}")
