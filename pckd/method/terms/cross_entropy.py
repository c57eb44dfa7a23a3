"""Cross entropy of the student's predictions: the term that needs no teacher."""

import torch.nn.functional as F
from torch import Tensor

from pckd.method.term import Needs, Step, Term, TermConfig


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy per sample, CE_i = -log softmax(z_i)[y_i].

    Args:
        logits: Student logits of copy 0, [B, M].
        labels: Class indices, [B].

    Returns:
        [B], in nats.
    """
    return F.cross_entropy(logits, labels, reduction="none")


class CrossEntropyConfig(TermConfig):
    """Settings of the cross entropy; its weight is 1 in the released code of PCKD."""


class CrossEntropy(Term[CrossEntropyConfig]):
    """CE_i = -log softmax(z_i)[y_i], [B], in nats."""

    Config = CrossEntropyConfig
    label = "CE"

    @classmethod
    def needs(cls, config: CrossEntropyConfig) -> Needs:
        """Return that no teacher is needed."""
        return Needs(teacher=False)

    def forward(self, step: Step) -> Tensor:
        """Return the cross entropy that the step holds anyway, [B]."""
        return step.entropy
