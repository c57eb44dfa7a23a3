"""Accuracy of a network on a set of images."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from pckd.data import ImageSplit, normalise
from pckd.models import Network
from pckd.training.group import Group, LocalGroup
from pckd.training.record import DivergedError

BATCH = 500
"""Largest number of images in a forward pass; changes speed and memory only."""


class Accuracy(NamedTuple):
    """Shares of images in percent."""

    top1: float
    """Images whose most likely class is the right one."""
    top5: float
    """Images whose right class is among the five most likely; 100 for five classes or fewer."""


@torch.inference_mode()
def evaluate(
    network: Network,
    images: ImageSplit,
    mean: Sequence[float],
    std: Sequence[float],
    group: Group | None = None,
) -> Accuracy:
    """Accuracy in eval mode, on images as they are: no random crop, flip or rotation.

    Args:
        network: Any network of `pckd.models`; left in the mode in which it came.
        images: On the network's device.
        mean: Of pixels in 0..1, by channel.
        std: Likewise.
        group: The processes that share the images among them.

    Raises:
        DivergedError: An output of the network is NaN or infinite.
        RunError: A streamed image cannot be decoded.
    """
    group = group or LocalGroup()
    was_training = network.training
    network.eval()
    counts = torch.zeros(3, dtype=torch.int64, device=next(network.parameters()).device)
    with group.share_errors():
        for pixels, labels in images.evaluation_batches(BATCH, group.rank, group.size):
            logits = network(normalise(pixels, mean, std)).logits
            best = logits.topk(min(5, logits.shape[1]), dim=1).indices
            hits = best == labels[:, None]
            finite = logits.isfinite().all(dim=1)
            counts += torch.stack([hits[:, 0].sum(), hits.sum(), (~finite).sum()])
    network.train(was_training)
    top1, top5, not_finite = group.sum(counts).tolist()
    if not_finite:
        raise DivergedError(
            f"the network's outputs are NaN or infinite for {not_finite} of {len(images)} images"
        )
    return Accuracy(100 * top1 / len(images), 100 * top5 / len(images))
