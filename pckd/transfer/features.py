"""Features of a frozen network: computed once, kept in memory, moved by nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pckd.data import ImageSet, normalise
from pckd.models import Network
from pckd.training.evaluation import BATCH


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFeatures:
    """What a frozen network makes of one split, in the split's order, on the CPU."""

    features: Tensor
    """float32 [N, d]."""
    labels: Tensor
    """int64 [N]."""

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, positions: Tensor) -> "LabelledFeatures":
        """The rows at the positions (int64 [K]), in that order."""
        return LabelledFeatures(self.features[positions], self.labels[positions])


@torch.no_grad()
def extract_features(
    network: Network, images: ImageSet, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """The penultimate features of images as they are: no crop, flip or rotation.

    BatchNorm normalises with its stored statistics: in training mode they would drift towards the
    target's images although the weights are frozen, as in some published probes.

    Args:
        network: On any device; comes back exactly as it was, module by module.
        images: N images of the size that the network was trained on, on any device.
        mean: Of pixels in 0..1 by channel, as the network was trained with.
        std: Likewise.

    Returns:
        float32 [N, d] on the CPU, in the order of the images.
    """
    device = next(network.parameters()).device
    with _evaluating(network):
        batches = [
            network(normalise(batch.to(device), mean, std)).features.float().cpu()
            for batch in images.images.split(BATCH)
        ]
    return torch.cat(batches)


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    """Eval mode for a while; then each module is back in the mode in which it came."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
