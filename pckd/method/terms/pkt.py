"""Probabilistic knowledge transfer: who is near whom, as probabilities.

Source: Passalis, Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer",
ECCV 2018, in the form of the authors' code and of RepDistiller, `code`. The form `paper` is that of
the text, which leaves the sample itself out and adds up, but over the neighbours of a sample only:
over samples it is a mean here, as every term.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from pckd.method.exchange import own_share, whole_batch
from pckd.method.relations import unit
from pckd.method.term import Needs, Step, Term, TermConfig

EPSILON = 1e-7
"""Added to lengths and to probabilities."""


def neighbour_probabilities(anchors: Tensor, pool: Tensor) -> Tensor:
    """P_ij = K_ij / sum_j K_ij, with K_ij = (1 + cos(f_i, f_j)) / 2.

    Args:
        anchors: f_i, [A, d].
        pool: f_j, [P, d], the anchors among them.

    Returns:
        [A, P]; each row adds up to 1.
    """
    similarity = (unit(anchors, EPSILON) @ unit(pool, EPSILON).T + 1) / 2
    return similarity / similarity.sum(1, keepdim=True)


def probability_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """PKT_i = mean_j of P_t[ij] log((P_t[ij] + 1e-7) / (P_s[ij] + 1e-7)).

    Args:
        student: P_s, [A, P].
        teacher: P_t, [A, P]; no gradient flows into it.

    Returns:
        [A], in nats divided by P.
    """
    teacher = teacher.detach()
    return (teacher * ((teacher + EPSILON) / (student + EPSILON)).log()).mean(1)


def neighbour_divergence(student: Tensor, teacher: Tensor, own: Tensor) -> Tensor:
    """PKT_i in the paper's form = sum over j != i of Q_t[ij] log(Q_t[ij] / Q_s[ij]).

    Q_ij = P_ij / sum over k != i of P_ik.

    Args:
        student: P_s, [A, P].
        teacher: P_t, [A, P]; no gradient flows into it.
        own: Where an anchor meets itself, bool [A, P].

    Returns:
        [A], in nats.
    """
    ours, theirs = (each.masked_fill(own, 0.0) for each in (student, teacher.detach()))
    ours, theirs = (each / each.sum(1, keepdim=True).clamp_min(EPSILON) for each in (ours, theirs))
    return (theirs * ((theirs + EPSILON) / (ours + EPSILON)).log()).sum(1)


class PKTConfig(TermConfig):
    """Settings of probabilistic transfer; the weight belongs to batches of 64."""

    weight: float = Field(30000.0, ge=0, description="factor of the term in the sum")
    form: Literal["code", "paper"] = Field(
        "code", description="the form of the code, or that of the text, which is far larger"
    )


class PKT(Term[PKTConfig]):
    """PKT_i = mean_j P_t[ij] log(P_t[ij] / P_s[ij]), [B]; in nats divided by the batch size.

    P_ij is the share of sample j in the similarities (1 + cos) / 2 of sample i to all samples of
    the global batch. The form paper leaves the sample itself out and adds up over the others.
    """

    Config = PKTConfig
    label = "PKT"

    @classmethod
    def needs(cls, config: PKTConfig) -> Needs:
        """Return that samples are related to each other."""
        return Needs(whole_batch=True)

    def forward(self, step: Step) -> Tensor:
        """Return the divergence of each sample's neighbours, copy 0, [B]."""
        own = (side.features[:, 0] for side in (step.student, step.taught()))
        student, teacher = (
            neighbour_probabilities(rows, whole_batch(rows, step.exchange)) for rows in own
        )
        if self.config.form == "code":
            return probability_transfer(student, teacher)
        pool = torch.arange(student.shape[1], device=student.device)
        return neighbour_divergence(
            student, teacher, own_share(pool, step.exchange)[:, None] == pool
        )
