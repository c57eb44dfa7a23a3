"""Neuron selectivity transfer: channels of student and teacher are distributed alike.

Source: Huang, Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017,
arXiv 1707.01219, in RepDistiller's form: the squared polynomial kernel, all stages added up.
"""

from pydantic import Field
from torch import Tensor

from pckd.method.relations import unit
from pckd.method.stage_maps import paired_stages, sum_of, unpaired
from pckd.method.term import Needs, Refused, Step, Task, Term, TermConfig


def mean_kernel(one: Tensor, other: Tensor) -> Tensor:
    """Mean over all pairs of channels of k(x, y) = (x . y)^2.

    Args:
        one: Unit vectors x, [B, C, n].
        other: Unit vectors y, [B, C', n].

    Returns:
        [B].
    """
    return (one @ other.transpose(1, 2)).square().mean((1, 2))


def selectivity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """NST_i of one stage = mean k(t, t) + mean k(s, s) - 2 mean k(s, t), at least 0.

    Each channel is flattened and divided by its length first; a channel that is 0 stays 0.

    Args:
        student: [B, C_s, H, W].
        teacher: [B, C_t, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    own, others = unit(student.flatten(2)), unit(teacher.detach().flatten(2))
    return mean_kernel(others, others) + mean_kernel(own, own) - 2 * mean_kernel(own, others)


class NSTConfig(TermConfig):
    """Settings of neuron selectivity transfer."""

    weight: float = Field(50.0, ge=0, description="factor of the term in the sum")


class NST(Term[NSTConfig]):
    """NST_i = sum over stages of the squared distance of two means of kernels, [B].

    One stage adds mean k(t, t) + mean k(s, s) - 2 mean k(s, t) with k(x, y) = (x . y)^2 over unit
    channels s of the student and t of the teacher.
    """

    Config = NSTConfig
    label = "NST"

    @classmethod
    def needs(cls, config: NSTConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    @classmethod
    def unfit(cls, config: NSTConfig, task: Task) -> Refused | None:
        """Refuse networks with unequal numbers of stages."""
        return unpaired(task)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, [B]."""
        return sum_of(selectivity_loss(*pair) for pair in paired_stages(step))
