"""Cross entropy of the student's predictions: the term that needs no teacher."""

import torch.nn.functional as F
from pydantic import Field
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

    strong_view: bool = Field(
        False,
        description="whether the cross entropy of a second, strongly changed view of each image "
        "is added",
    )


class CrossEntropy(Term[CrossEntropyConfig]):
    """CE_i = -log softmax(z_i)[y_i], [B], in nats.

    With strong views, the same of the strong view is added.
    """

    Config = CrossEntropyConfig
    label = "CE"

    @classmethod
    def needs(cls, config: CrossEntropyConfig) -> Needs:
        """Return that no teacher is needed."""
        return Needs(teacher=False, strong_view=config.strong_view)

    def forward(self, step: Step) -> Tensor:
        """Return the cross entropy that the step holds anyway, and that of the strong view, [B]."""
        if not self.config.strong_view:
            return step.entropy
        return step.entropy + cross_entropy(step.student.strong(), step.labels)
