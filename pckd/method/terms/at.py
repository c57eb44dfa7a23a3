"""Attention transfer: the student looks where the teacher looks, at every stage.

Source: Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, arXiv 1612.03928, in
RepDistiller's form, `squares`, which agrees with the authors' code. The form `norms` is that of the
paper's text: half a distance per sample.
"""

from typing import Literal

import torch
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


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """AT_i of one stage in the paper's form = |a_s - a_t| / 2, a length.

    Args:
        student: [B, C_s, H, W].
        teacher: [B, C_t, H, W]; no gradient flows into it.

    Returns:
        [B], from 0 to 1.
    """
    difference = attention(student) - attention(teacher.detach())
    length: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return length / 2


FORMS = {"squares": attention_loss, "norms": attention_distance}


class ATConfig(TermConfig):
    """Settings of attention transfer."""

    weight: float = Field(1000.0, ge=0, description="factor of the term in the sum")
    form: Literal["squares", "norms"] = Field(
        "squares", description="the code's form, or that of the paper's text, which is far larger"
    )


class AT(Term[ATConfig]):
    """AT_i = sum over stages of mean over H W of (a_s - a_t)^2, a = unit(mean_c f_c^2), [B].

    a_s, a_t [H W] say where the student's and the teacher's map f [C, H, W] of a stage is active.
    The form norms takes |a_s - a_t| / 2 of each stage instead of the mean.
    """

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
        loss = FORMS[self.config.form]
        return sum_of(loss(*pair) for pair in paired_stages(step))
