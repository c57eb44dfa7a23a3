"""Features of a frozen network; neither weights nor BatchNorm statistics change."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pckd.data import normalise
from pckd.errors import RunError
from pckd.models import Network


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFeatures:
    """Features and labels of one split, in the split's order, on the CPU."""

    features: Tensor
    """float32 [N, d]."""
    labels: Tensor
    """int64 [N]; of a multi-label target int64 [N, M], see `pckd.data.ImageSet`."""

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, positions: Tensor) -> "LabelledFeatures":
        """The rows at the positions (int64 [K]), in that order."""
        return LabelledFeatures(self.features[positions], self.labels[positions])


@torch.no_grad()
def extract_features(
    network: Network, batches: Iterable[Tensor], mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Compute the penultimate features of images as they are given.

    BatchNorm normalises with its stored statistics: in training mode they would drift towards the
    target's images although the weights are frozen, as in some published probes.

    Args:
        network: On any device; comes back exactly as it was, module by module.
        batches: uint8 [B, 3, H, W], N images in all, on the network's device.
        mean: Of pixels in 0..1 by channel.
        std: Likewise.

    Returns:
        float32 [N, d] on the CPU, in the order of the images.

    Raises:
        RunError: A feature is NaN or infinite.
    """
    with _evaluating(network):
        features = torch.cat(
            [network(normalise(batch, mean, std)).features.float().cpu() for batch in batches]
        )
    bad = int((~features.isfinite().all(dim=1)).sum())
    if bad:
        raise RunError(f"features are NaN or infinite for {bad} of {len(features)} images")
    return features


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    """Switch to eval mode for a while, then restore each module's own mode."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
