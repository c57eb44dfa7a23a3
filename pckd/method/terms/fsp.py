"""Flow of solution procedure: the student's stages relate to each other as the teacher's do.

Source: Yim, Joo, Bae, Kim, "A Gift from Knowledge Distillation: Fast Optimization, Network
Minimization and Transfer Learning", CVPR 2017, in RepDistiller's form: means over the matrices, of
the stem's map and each stage's, where the text sums them, of the ends of each stage.
"""

from itertools import pairwise

from torch import Tensor

from pckd.method.preparation import Preparation, PreparingConfig, PreparingTerm
from pckd.method.stage_maps import matched, stages, sum_of
from pckd.method.term import Needs, Refused, Side, Task


def flow(first: Tensor, second: Tensor) -> Tensor:
    """M_i[o, c] = mean over H W of b[o] a[c], the flow from one map to the next.

    Args:
        first: a, [B, C_a, H, W]; the higher of the two is pooled to the other's height.
        second: b, [B, C_b, H, W].

    Returns:
        [B, C_b, C_a].
    """
    a, b = (each.flatten(2) for each in matched(first, second))
    return b @ a.transpose(1, 2) / a.shape[2]


def flow_loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """FSP_i = sum over pairs of consecutive maps of mean over C_b C_a of (M_s - M_t)^2.

    Args:
        student: Maps from the stem to the last stage, [B, C, H, W] each.
        teacher: As many, with the same C; no gradient flows into them.

    Returns:
        [B].
    """
    pairs = zip(pairwise(student), pairwise(teacher), strict=True)
    return sum_of(
        (flow(*own) - flow(*other).detach()).square().mean((1, 2)) for own, other in pairs
    )


class FSPConfig(PreparingConfig):
    """Settings of the flow of solution procedure."""


class Flow(Preparation):
    """FSP_i = sum over pairs of consecutive maps of mean (M_s - M_t)^2, [B]."""

    student_learns = True

    @classmethod
    def needs(cls, config: FSPConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    def forward(self, student: Side, teacher: Side) -> Tensor:
        """Return the loss of copy 0, [B]."""
        maps = ([side.maps[0][:, 0], *stages(side)] for side in (student, teacher))
        return flow_loss(*maps)


class FSP(PreparingTerm[FSPConfig]):
    """FSP_i = sum over pairs of consecutive maps a, b of mean over C_b C_a of (M_s - M_t)^2, [B].

    M[o, c] = mean over H W of b[o] a[c]; the first map is the stem's.

    Only the preparation uses it: the student's stages learn, then training goes on without the
    term.
    """

    Config = FSPConfig
    Preparation = Flow
    label = "FSP"

    @classmethod
    def unfit(cls, config: FSPConfig, task: Task) -> Refused | None:
        """Refuse networks whose maps have other channels."""
        student, teacher = ([each[0] for each in net.maps] for net in (task.student, task.taught()))
        if student == teacher:
            return None
        return Refused(
            f"the student's maps have {', '.join(map(str, student))} channels, the teacher's "
            f"{', '.join(map(str, teacher))}, and the flow needs the same"
        )
