"""Correlation congruence.

Source: Peng et al., "Correlation Congruence for Knowledge Distillation", ICCV 2019,
arXiv 1904.01802. RepDistiller's form, `neighbours`, is what the papers' tables report; it is not
the paper's loss, whose usual reading is the form `kernel`.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.method.exchange import whole_batch
from pckd.method.relations import unit
from pckd.method.term import Needs, Step, Task, Term, TermConfig

KERNEL_WIDTH = 0.4
"""gamma of the Gaussian kernel."""

KERNEL_ORDER = 2
"""P, the highest power of the kernel's Taylor series."""


def neighbour_congruence(student: Tensor, teacher: Tensor) -> Tensor:
    """CC = mean over i of sum_k d[i, k] d[i + 1, k], with d = |e_s - e_t|.

    Args:
        student: e_s, embedded features in the order of the batch, [B, k].
        teacher: e_t, [B, k]; the gradient flows into both.

    Returns:
        A scalar; 0 for a batch of one.
    """
    difference = (student - teacher).abs()
    return (difference[:-1] * difference[1:]).sum() / max(len(difference) - 1, 1)


def kernel_congruence(student: Tensor, teacher: Tensor) -> Tensor:
    """CC = mean over i, j of (k_s[ij] - k_t[ij])^2, k = exp(-2 g) sum_p (2 g cos)^p / p!.

    Args:
        student: Features, [B, d_s].
        teacher: Features, [B, d_t]; no gradient flows into them.

    Returns:
        A scalar.
    """
    return (_kernel(student) - _kernel(teacher.detach())).square().mean()


def _kernel(features: Tensor) -> Tensor:
    """The Taylor series of exp(-g |u_i - u_j|^2) for unit rows u, [B, B]."""
    rows = unit(features)
    exponent = 2 * KERNEL_WIDTH * (rows @ rows.T)
    powers = [exponent**power / math.factorial(power) for power in range(KERNEL_ORDER + 1)]
    return math.exp(-2 * KERNEL_WIDTH) * torch.stack(powers).sum(0)


class CCConfig(TermConfig):
    """Settings of correlation congruence."""

    weight: float = Field(0.02, ge=0, description="factor of the term in the sum")
    form: Literal["neighbours", "kernel"] = Field(
        "neighbours", description="RepDistiller's form, or the usual reading of the paper"
    )
    width: int = Field(128, ge=1, description="width of the learned heads of neighbours")


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "neighbours": neighbour_congruence,
    "kernel": kernel_congruence,
}


class CC(Term[CCConfig]):
    """CC = mean_i sum_k d[i, k] d[i + 1, k], d = |A_s f_s - A_t f_t| with learned A, a scalar.

    Samples i and i + 1 stand beside each other in the global batch. The form kernel has no learned
    parts: CC = mean_ij (k_s[ij] - k_t[ij])^2 with a Gaussian kernel k of unit features.
    """

    Config = CCConfig
    label = "Congruence"
    per_sample = False
    ordered = True

    def __init__(self, config: CCConfig, task: Task) -> None:
        super().__init__(config, task)
        learned = config.form == "neighbours"
        self.student_head, self.teacher_head = (
            nn.Linear(shape.width, config.width) if learned else nn.Identity()
            for shape in (task.student, task.taught())
        )

    @classmethod
    def needs(cls, config: CCConfig) -> Needs:
        """Return that samples are related to each other."""
        return Needs(whole_batch=True)

    def forward(self, step: Step) -> Tensor:
        """Return the congruence of the global batch, copy 0, a scalar."""
        student = self.student_head(step.student.features[:, 0])
        teacher = self.teacher_head(step.taught().features[:, 0].detach())
        congruence = FORMS[self.config.form]
        return congruence(*(whole_batch(rows, step.exchange) for rows in (student, teacher)))
