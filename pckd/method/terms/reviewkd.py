"""Knowledge review: deep and shallow student maps are fused, level by level, and match the teacher.

Source: Chen, Liu, Zhao, Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021,
arXiv 2104.09044, in mdistiller's form, which counts the epochs of the warm-up from 1. The authors
count from 0, as `starts_at_zero` does, so that the first epoch is without review.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pckd.method.stage_maps import stage_shapes, sum_of, unpaired
from pckd.method.term import Needs, NetworkShape, Refused, Side, Step, Task, Term, TermConfig

WIDEST = 512
"""Channels inside a block, at most."""

POOLED_SIZES = (4, 2, 1)
"""Heights and widths at which maps are compared once more, where they are larger."""

Shape = tuple[int, int, int]


def hierarchical_loss(fused: Tensor, target: Tensor) -> Tensor:
    """HCL_i of one level = (d_i(o, t) + sum_k w_k d_i(o_k, t_k)) / (1 + sum_k w_k).

    d_i is the mean of squares over C H W. o_k and t_k are averaged over k x k cells, for each k of
    4, 2 and 1 that is below H; w is 1/2 for the first of these and halves with each further one.

    Args:
        fused: o, [B, C, H, W].
        target: t, [B, C, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    target = target.detach()
    total, weights, weight = _mean_of_squares(fused, target), 1.0, 1.0
    for size in POOLED_SIZES:
        if size >= fused.shape[2]:
            continue
        weight /= 2
        weights += weight
        pooled = (F.adaptive_avg_pool2d(each, size) for each in (fused, target))
        total = total + weight * _mean_of_squares(*pooled)
    return total / weights


def _mean_of_squares(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().mean((1, 2, 3))


class FusionBlock(nn.Module):
    """Fuse a level with the deeper ones: x = BN(conv1(f)), x = a x + b r, o = BN(conv2(x)).

    r is what the deeper level hands on, and (a, b) = sigmoid(attention([x, r])) says at each
    position how much of both is taken; the deepest level has no r.

    Args:
        own: (C, H, W) of the student's level.
        target: (C, H, W) of the teacher's.
        width: Channels of x and r.
        deepest: Whether no deeper level is handed on.
    """

    def __init__(self, own: Shape, target: Shape, width: int, *, deepest: bool) -> None:
        super().__init__()
        self.size = target[1:]
        self.conv1 = nn.Conv2d(own[0], width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.attention = None if deepest else nn.Conv2d(2 * width, 2, kernel_size=1)
        self.conv2 = nn.Conv2d(width, target[0], kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(target[0])
        for convolution in (self.conv1, self.conv2):
            nn.init.kaiming_uniform_(convolution.weight, a=1)

    def forward(self, maps: Tensor, deeper: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the level's output, and what it hands on to the next.

        Args:
            maps: The student's level, [B, C, H, W].
            deeper: r, [B, width, h, w]; None at the deepest level.

        Returns:
            o, [B, C_t, H_t, W_t], and x, [B, width, H_t, W_t].
        """
        fused = self.bn1(self.conv1(maps))
        if self.attention is not None and deeper is not None:
            deeper = _resized(deeper, maps.shape[2:])
            shares = torch.sigmoid(self.attention(torch.cat([fused, deeper], dim=1)))
            fused = shares[:, :1] * fused + shares[:, 1:] * deeper
        fused = _resized(fused, self.size)
        return self.bn2(self.conv2(fused)), fused


def _resized(maps: Tensor, size: Iterable[int]) -> Tensor:
    """The maps at a height and width: cell p of P copies cell floor(p H / P)."""
    height_and_width = tuple(size)
    if maps.shape[2:] == height_and_width:
        return maps
    return F.interpolate(maps, size=height_and_width, mode="nearest")


class ReviewKDConfig(TermConfig):
    """Settings of knowledge review."""

    weight: float = Field(
        5.0,
        ge=0,
        description="factor of the term in the sum; the source takes 0.6 for resnet56-20, 1 for "
        "resnet110-32, 8 for resnet32x4-ShuffleNetV2, 5 for its other pairs",
    )
    warm_up: int = Field(
        20, ge=1, description="epochs over which the weight rises in equal steps to its value"
    )
    starts_at_zero: bool = Field(
        False, description="whether the first epoch is without review, as in the authors' code"
    )


class ReviewKD(Term[ReviewKDConfig]):
    """HCL_i = sum over levels of (d_i(o, t) + sum_k w_k d_i(o_k, t_k)) / (1 + sum_k w_k), [B].

    The levels are the stage maps and the pooled features. o is the student's level, fused with all
    deeper ones in learned blocks, at the size of the teacher's level t, which is taken before its
    last ReLU; d_i is the mean of squares, o_k and t_k are pooled to k x k.
    """

    Config = ReviewKDConfig
    label = "ReviewKD"

    def __init__(self, config: ReviewKDConfig, task: Task) -> None:
        super().__init__(config, task)
        own, others = (_shapes_from_the_deepest(each) for each in (task.student, task.taught()))
        width = min(WIDEST, task.student.width)
        self.blocks = nn.ModuleList(
            FusionBlock(*shapes, width, deepest=level == 0)
            for level, shapes in enumerate(zip(own, others, strict=True))
        )

    @classmethod
    def needs(cls, config: ReviewKDConfig) -> Needs:
        """Return the student's stage maps and the teacher's before ReLU."""
        return Needs(maps=True, maps_before_relu=True)

    @classmethod
    def unfit(cls, config: ReviewKDConfig, task: Task) -> Refused | None:
        """Refuse networks with unequal numbers of stages."""
        return unpaired(task)

    def weight_at(self, epoch: int) -> float:
        """Return the weight times min(epoch / warm_up, 1), an epoch later if it starts at zero."""
        risen = epoch - 1 if self.config.starts_at_zero else epoch
        return self.config.weight * min(risen / self.config.warm_up, 1.0)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, summed over levels, [B]."""
        levels = zip(
            self.blocks,
            _levels_from_the_deepest(step.student, step.student.maps),
            _levels_from_the_deepest(step.taught(), step.taught().maps_before_relu),
            strict=True,
        )
        losses, deeper = [], None
        for block, maps, target in levels:
            fused, deeper = block(maps, deeper)
            losses.append(hierarchical_loss(fused, target))
        return sum_of(losses)


def _levels_from_the_deepest(side: Side, maps: tuple[Tensor, ...]) -> list[Tensor]:
    """Copy 0 of the pooled features as [B, d, 1, 1], then of each stage, [B, C, H, W]."""
    stages = [each[:, 0] for each in maps[1:]]
    return [side.features[:, 0, :, None, None], *reversed(stages)]


def _shapes_from_the_deepest(network: NetworkShape) -> list[Shape]:
    return [(network.width, 1, 1), *reversed(stage_shapes(network))]
