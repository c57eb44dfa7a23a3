"""Relational knowledge distillation: distances and angles between samples are kept.

Source: Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, arXiv 1904.05068, in
the form of the authors' code and of RepDistiller.
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pckd.method.exchange import own_share, whole_batch
from pckd.method.relations import SMALLEST_NORM, angles, distances
from pckd.method.term import Needs, Step, Term, TermConfig


def scaled_distances(features: Tensor) -> Tensor:
    """Distances of all pairs, divided by their mean over the pairs of different samples.

    Args:
        features: [P, d]; the gradient flows through the mean too.

    Returns:
        [P, P], without unit.
    """
    each = distances(features)
    pairs = max(len(features) * (len(features) - 1), 1)
    return each / (each.sum() / pairs).clamp_min(SMALLEST_NORM)


def relation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Huber loss of each anchor's relations: h(x) = x^2 / 2 below 1, |x| - 1/2 above.

    Args:
        student: [A, ...].
        teacher: [A, ...]; no gradient flows into them.

    Returns:
        [A].
    """
    return F.smooth_l1_loss(student, teacher.detach(), reduction="none").flatten(1).mean(1)


class RKDConfig(TermConfig):
    """Settings of relational distillation."""

    distance: float = Field(25.0, ge=0, description="factor of the distances")
    angle: float = Field(50.0, ge=0, description="factor of the angles")


class RKD(Term[RKDConfig]):
    """RKD_i = a mean_j h(D_s[ij] - D_t[ij]) + b mean_jk h(cos_s[ijk] - cos_t[ijk]), [B].

    D are the distances between samples, divided by their mean; cos_ijk is the angle at sample i
    between samples j and k of the global batch; h is Huber's loss; a and b are `distance` and
    `angle`.
    """

    Config = RKDConfig
    label = "RKD"

    @classmethod
    def needs(cls, config: RKDConfig) -> Needs:
        """Return that samples are related to each other."""
        return Needs(whole_batch=True)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of each sample as an anchor, copy 0, [B]."""
        anchors = [side.features[:, 0] for side in (step.student, step.taught())]
        pools = [whole_batch(rows, step.exchange) for rows in anchors]
        near = relation_loss(*(own_share(scaled_distances(rows), step.exchange) for rows in pools))
        bent = relation_loss(*map(angles, anchors, pools))
        return self.config.distance * near + self.config.angle * bent
