"""The linear classifier that every protocol ends with."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from pckd.transfer.features import LabelledFeatures


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A fitted linear classifier of features as the network gives them."""

    weight: Tensor
    """float64 [M, d] on the CPU."""
    bias: Tensor
    """float64 [M]."""
    weight_decay: float
    """lambda in: mean cross entropy + lambda / 2 * squared norm of the weights."""

    def scores(self, images: LabelledFeatures) -> Tensor:
        """The score of each class, float64 [N, M]."""
        return images.features.double() @ self.weight.T + self.bias

    def top1(self, images: LabelledFeatures) -> float:
        """The share of images, in percent, whose highest score is that of the right class."""
        hits = self.scores(images).argmax(1) == images.labels
        return 100 * hits.double().mean().item()

    def cross_entropy(self, images: LabelledFeatures) -> float:
        """The mean over the images, in nats."""
        return classification_loss(self.scores(images), images.labels).item()


def classification_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean over images of the cross entropy, in nats.

    Args:
        scores: Floating [B, M].
        labels: int64 [B].
    """
    return F.cross_entropy(scores, labels)
