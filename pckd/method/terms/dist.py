"""DIST: correlations of predictions are kept, within each sample and within each class.

Source: Huang, You, Wang, Qian, Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022,
arXiv 2205.10536; weight and temperature as in the authors' code for CIFAR-100.
"""

from pydantic import Field
from torch import Tensor

from pckd.method.exchange import whole_batch
from pckd.method.relations import correlation
from pckd.method.term import Needs, Step, Term, TermConfig

ADDED_TO_LENGTHS = 1e-8
"""Keeps classes that are all but absent from a batch out of the sum, as in the authors' code."""


def correlation_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - rho(u, v) of each pair of rows; rho = <u, v> / (|u| |v| + 1e-8) without the means.

    Args:
        student: Rows u, [N, M].
        teacher: Rows v, [N, M]; no gradient flows into them.

    Returns:
        [N], from 0 to 2.
    """
    return 1 - correlation(student, teacher.detach(), ADDED_TO_LENGTHS)


class DISTConfig(TermConfig):
    """Settings of DIST; the source takes the temperature 1 on ImageNet."""

    weight: float = Field(2.0, ge=0, description="factor of the term in the sum")
    beta: float = Field(1.0, ge=0, description="factor of the relations between classes")
    gamma: float = Field(1.0, ge=0, description="factor of the relations between samples")
    temperature: float = Field(4.0, gt=0, description="T of both softmaxes")


class DIST(Term[DISTConfig]):
    """DIST_i = T^2 (beta d(p_s[i, :], p_t[i, :]) + gamma mean_j d(p_s[:, j], p_t[:, j])), [B].

    p = softmax(z / T); d = 1 - Pearson's correlation. The second part, over the global batch, is
    the same for all samples.
    """

    Config = DISTConfig
    label = "DIST"

    @classmethod
    def needs(cls, config: DISTConfig) -> Needs:
        """Return that samples are related to each other."""
        return Needs(whole_batch=config.gamma > 0)

    def forward(self, step: Step) -> Tensor:
        """Return the distances of copy 0, [B]."""
        student, teacher = (
            (side.logits[:, 0] / self.config.temperature).softmax(-1)
            for side in (step.student, step.taught())
        )
        inter = correlation_distance(student, teacher)
        columns = (whole_batch(rows, step.exchange).T for rows in (student, teacher))
        intra = correlation_distance(*columns).mean()
        return self.config.temperature**2 * (self.config.beta * inter + self.config.gamma * intra)
