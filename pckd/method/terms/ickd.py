"""Inter-channel correlation: channels that fire together in the teacher do so in the student.

Source: Liu et al., "Exploring Inter-Channel Correlation for Diversity-preserved Knowledge
Distillation", ICCV 2021 (ICKD-C), as in the authors' code.
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pckd.method.relations import unit
from pckd.method.term import Needs, NetworkShape, Side, Step, Task, Term, TermConfig


def channel_correlations(maps: Tensor) -> Tensor:
    """Inner products of the channels of each sample, each row of length 1.

    Args:
        maps: [B, C, H, W].

    Returns:
        [B, C, C]; the row of a channel that is 0 everywhere is 0.
    """
    channels = maps.flatten(2)
    return unit(channels @ channels.transpose(1, 2))


def channel_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """ICKD_i = 1 / C * sum over c, k of (R_s[i, c, k] - R_t[i, c, k])^2.

    Args:
        student: R_s, [B, C, C].
        teacher: R_t, [B, C, C]; no gradient flows into it.

    Returns:
        [B].
    """
    return (student - teacher.detach()).square().sum((1, 2)) / student.shape[1]


class ICKDConfig(TermConfig):
    """Settings of inter-channel correlation."""

    weight: float = Field(2.5, ge=0, description="factor of the term in the sum")


class ICKD(Term[ICKDConfig]):
    """ICKD_i = 1 / C * sum_ck (R_s[i, c, k] - R_t[i, c, k])^2, [B].

    R holds the inner products of the channels of the last map, each row divided by its length; the
    student's map goes through a learned 1x1 convolution to the teacher's C channels and BatchNorm.

    The map is the last stage's after its ReLU. (The source takes MobileNetV2's after its last
    convolution; here its last stage stands for it.)
    """

    Config = ICKDConfig
    label = "ICKD"

    def __init__(self, config: ICKDConfig, task: Task) -> None:
        super().__init__(config, task)
        channels = _channels(task.taught())
        self.embed = nn.Sequential(
            nn.Conv2d(_channels(task.student), channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    @classmethod
    def needs(cls, config: ICKDConfig) -> Needs:
        """Return the maps before ReLU: those of a wide_resnet's plain list are never rectified."""
        return Needs(maps_before_relu=True)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of each sample's channels, copy 0, [B]."""
        student = self.embed(_last_map(step.student))
        teacher = _last_map(step.taught())
        return channel_loss(channel_correlations(student), channel_correlations(teacher))


def _last_map(side: Side) -> Tensor:
    """The last map after its ReLU, [B, C, H, W]; plain maps alone are taken as they are."""
    if side.maps_before_relu:
        return F.relu(side.maps_before_relu[-1][:, 0])
    return side.maps[-1][:, 0]


def _channels(shape: NetworkShape) -> int:
    return (shape.maps_before_relu or shape.maps)[-1][0]
