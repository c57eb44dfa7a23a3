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

    def top1(self, images: LabelledFeatures) -> float:
        """The share of images, in percent, whose highest score is that of the right class."""
        hits = self._scores(images).argmax(1) == images.labels
        return 100 * hits.double().mean().item()

    def cross_entropy(self, images: LabelledFeatures) -> float:
        """The mean over the images, in nats."""
        return F.cross_entropy(self._scores(images), images.labels).item()

    def _scores(self, images: LabelledFeatures) -> Tensor:
        return images.features.double() @ self.weight.T + self.bias
