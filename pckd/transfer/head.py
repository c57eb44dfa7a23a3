"""The linear classifier that every protocol ends with."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from pckd.transfer.features import LabelledFeatures


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A fitted linear classifier of unscaled features."""

    weight: Tensor
    """float64 [M, d] on the CPU."""
    bias: Tensor
    """float64 [M]."""
    weight_decay: float
    """lambda in: mean cross entropy + lambda / 2 * squared norm of the weights."""

    def scores(self, images: LabelledFeatures) -> Tensor:
        """The score of each class, float64 [N, M]."""
        return images.features.double() @ self.weight.T + self.bias

    def cross_entropy(self, images: LabelledFeatures) -> float:
        """Mean loss over the images, in nats: see `classification_loss`."""
        return classification_loss(self.scores(images), images.labels).item()


def classification_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over images, in nats.

    Of a multi-label target each class is a question of its own, to be answered with yes or no: the
    sum over classes of the binary cross entropy, without images that are not counted for a class.

    Args:
        scores: Floating [B, M].
        labels: int64 [B], or int64 [B, M] with values 1, 0 and -1 (not counted).
    """
    if labels.ndim == 1:
        return F.cross_entropy(scores, labels)
    answers = (labels == 1).to(scores.dtype)
    losses = F.binary_cross_entropy_with_logits(scores, answers, reduction="none")
    return (losses * (labels >= 0)).sum(1).mean()
