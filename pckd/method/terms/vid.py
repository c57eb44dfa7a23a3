"""Variational information distillation: the student's maps predict the teacher's.

Source: Ahn, Hu, Damianou, Lawrence, Dai, "Variational Information Distillation for Knowledge
Transfer", CVPR 2019, arXiv 1904.05835, in RepDistiller's form: a mean over channels and positions,
where the paper adds them up and weighs the layers.
"""

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.method.stage_maps import paired_stages, stage_shapes, sum_of, unpaired
from pckd.method.term import Needs, Refused, Step, Task, Term, TermConfig

LEAST_VARIANCE = 1e-5
"""Added to every variance."""
FIRST_VARIANCE = 5.0
"""Variance of every channel before the first step."""


def gaussian_loss(predicted: Tensor, target: Tensor, raw_variance: Tensor) -> Tensor:
    """VID_i of one stage = mean over C H W of ((mu - f_t)^2 / v_c + ln v_c) / 2.

    v_c = ln(1 + exp(rho_c)) + 1e-5; the constant ln(2 pi) / 2 is left out, so the value may be
    below 0.

    Args:
        predicted: mu, [B, C, H, W].
        target: f_t, [B, C, H, W]; no gradient flows into it.
        raw_variance: rho, [C].

    Returns:
        [B], in nats.
    """
    exact = torch.logaddexp(raw_variance, torch.zeros_like(raw_variance))
    variance = (exact + LEAST_VARIANCE)[:, None, None]
    squares = (predicted - target.detach()).square()
    return (0.5 * (squares / variance + variance.log())).mean((1, 2, 3))


class Regressor(nn.Module):
    """Predict a teacher's stage: three 1x1 convolutions without bias, ReLU between, and rho."""

    def __init__(self, student_channels: int, teacher_channels: int) -> None:
        super().__init__()
        self.predict = nn.Sequential(
            nn.Conv2d(student_channels, teacher_channels, kernel_size=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(teacher_channels, teacher_channels, kernel_size=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(teacher_channels, teacher_channels, kernel_size=1, bias=False),
        )
        start = math.log(math.exp(FIRST_VARIANCE - LEAST_VARIANCE) - 1)
        self.raw_variance = nn.Parameter(torch.full((teacher_channels,), start))

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss of each image, [B]."""
        return gaussian_loss(self.predict(student), teacher, self.raw_variance)


class VIDConfig(TermConfig):
    """Settings of variational information distillation."""

    weight: float = Field(1.0, ge=0, description="factor of the term in the sum")


class VID(Term[VIDConfig]):
    """VID_i = sum over stages of mean ((mu(f_s) - f_t)^2 / v + ln v) / 2, [B], in nats.

    mu and the variance v of each channel are learned.
    """

    Config = VIDConfig
    label = "VID"

    def __init__(self, config: VIDConfig, task: Task) -> None:
        super().__init__(config, task)
        pairs = zip(stage_shapes(task.student), stage_shapes(task.taught()), strict=True)
        self.regressors = nn.ModuleList(Regressor(own[0], other[0]) for own, other in pairs)

    @classmethod
    def needs(cls, config: VIDConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    @classmethod
    def unfit(cls, config: VIDConfig, task: Task) -> Refused | None:
        """Refuse networks with unequal numbers of stages."""
        return unpaired(task)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, [B]."""
        pairs = zip(self.regressors, paired_stages(step), strict=True)
        return sum_of(regressor(*maps) for regressor, maps in pairs)
