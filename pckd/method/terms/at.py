"""Attention transfer: the student looks where the teacher looks, at every stage.

Source: Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, arXiv 1612.03928, in
RepDistiller's form, which agrees with the authors' code: a mean of squares where the text has half
a norm per sample.
"""

from pydantic import Field
from torch import Tensor

from pckd.method.relations import unit
from pckd.method.stage_maps import paired_stages, sum_of, unpaired
from pckd.method.term import Needs, Refused, Step, Task, Term, TermConfig


def attention(maps: Tensor) -> Tensor:
    """Attention map of each image: a_i = unit(mean_c f[i, c]^2), one vector of length H W.

    Args:
        maps: f, [B, C, H, W].

    Returns:
        [B, H W], rows of length 1; a map that is 0 everywhere stays 0.
    """
    return unit(maps.square().mean(1).flatten(1))


def attention_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """AT_i of one stage = mean over H W of (a_s - a_t)^2.

    Args:
        student: [B, C_s, H, W].
        teacher: [B, C_t, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    return (attention(student) - attention(teacher.detach())).square().mean(1)


class ATConfig(TermConfig):
    """Settings of attention transfer."""

    weight: float = Field(1000.0, ge=0, description="factor of the term in the sum")


class AT(Term[ATConfig]):
    """AT_i = sum over stages of mean over H W of (a_s - a_t)^2, a = unit(mean_c f_c^2), [B]."""

    Config = ATConfig
    label = "AT"

    @classmethod
    def needs(cls, config: ATConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    @classmethod
    def unfit(cls, config: ATConfig, task: Task) -> Refused | None:
        """Refuse networks with unequal numbers of stages."""
        return unpaired(task)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, [B]."""
        return sum_of(attention_loss(*pair) for pair in paired_stages(step))
