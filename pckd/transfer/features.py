"""What a frozen network makes of images; nothing moves it."""

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
    """What a frozen network makes of one split, in the split's order, on the CPU."""

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
    """The penultimate features of images as they are given.

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
    """Eval mode for a while; then each module is back in the mode in which it came."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
