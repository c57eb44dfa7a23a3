"""Similarity preserving: samples that look alike to the teacher look alike to the student.

Source: Tung, Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, arXiv 1907.09682, in
RepDistiller's form: the last stage alone. The paper adds up the same of chosen layers, as
`stages: all` does of the stages.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from pckd.method.exchange import whole_batch
from pckd.method.relations import unit
from pckd.method.stage_maps import sum_of, unpaired
from pckd.method.term import Needs, Refused, Side, Step, Task, Term, TermConfig


def similarities(anchors: Tensor, pool: Tensor) -> Tensor:
    """Inner products of each anchor with all of the pool, each row of length 1.

    Args:
        anchors: [A, n].
        pool: [P, n], the anchors among them.

    Returns:
        [A, P].
    """
    return unit(anchors @ pool.T)


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """SP_i = mean_j of (G_t[ij] - G_s[ij])^2.

    Args:
        student: G_s, [A, P].
        teacher: G_t, [A, P]; no gradient flows into it.

    Returns:
        [A].
    """
    return (teacher.detach() - student).square().mean(1)


class SPConfig(TermConfig):
    """Settings of similarity preserving; the weight belongs to batches of 64."""

    weight: float = Field(3000.0, ge=0, description="factor of the term in the sum")
    stages: Literal["last", "all"] = Field(
        "last", description="stages that are compared, each with each; their losses are added"
    )


class SP(Term[SPConfig]):
    """SP_i = mean_j (G_t[ij] - G_s[ij])^2, [B].

    G_ij is the inner product of the last stage maps of samples i and j of the global batch, each
    row G_i divided by its length. With `stages: all` the sum over all stages.
    """

    Config = SPConfig
    label = "SP"

    @classmethod
    def needs(cls, config: SPConfig) -> Needs:
        """Return that stage maps are needed and samples are related to each other."""
        return Needs(maps=True, whole_batch=True)

    @classmethod
    def unfit(cls, config: SPConfig, task: Task) -> Refused | None:
        """Refuse unequal numbers of stages where all are compared."""
        return unpaired(task) if config.stages == "all" else None

    def forward(self, step: Step) -> Tensor:
        """Return the loss of each sample's similarities, copy 0, [B]."""
        sides = (self._compared(side) for side in (step.student, step.taught()))
        return sum_of(
            similarity_loss(
                *(similarities(rows, whole_batch(rows, step.exchange)) for rows in pair)
            )
            for pair in zip(*sides, strict=True)
        )

    def _compared(self, side: Side) -> list[Tensor]:
        """The maps that are compared, [B, C H W] each."""
        maps = side.maps[1:] if self.config.stages == "all" else side.maps[-1:]
        return [each[:, 0].flatten(1) for each in maps]
