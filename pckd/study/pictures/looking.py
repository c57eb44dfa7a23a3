"""Features, logits and per-image difficulty of a trained network.

Shapes: N images, K training images of one class, E examples, M classes, d width of the features.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from pckd.data import ImageSplit, normalise
from pckd.method import STRATEGIES, Difficulty, threshold
from pckd.method.weighting import difficulty
from pckd.models import Network
from pckd.study.pictures.file import Array
from pckd.training.config import RunConfig
from pckd.training.evaluation import BATCH
from pckd.training.run_data import RunData

MEAN_IMAGES = 10_000
"""Largest number of training images whose mean cross entropy stands for the batch's in Eq. 5."""


class Seen(NamedTuple):
    """Outputs of a network for N images, on the CPU, in their order."""

    features: Tensor
    """float32 [N, d]."""
    logits: Tensor
    """float32 [N, M]."""


@torch.inference_mode()
def look(network: Network, images: ImageSplit, data: RunData) -> Seen:
    """Show images to a network in eval mode, as they are: no random crop, flip or rotation.

    Args:
        network: On any device.
        images: N of the images of `data`.
        data: Has the normalisation that the run trained with.

    Raises:
        RunError: A streamed image cannot be decoded.
    """
    device = next(network.parameters()).device
    features, logits = [], []
    for pixels, _ in images.to(device).evaluation_batches(BATCH):
        outputs = network(normalise(pixels, data.mean, data.std))
        features.append(outputs.features.float().cpu())
        logits.append(outputs.logits.float().cpu())
    return Seen(torch.cat(features), torch.cat(logits))


def example_arrays(
    config: RunConfig, student: Network, data: RunData, label: int, examples: int
) -> dict[str, Array]:
    """Rank the training images of a class by difficulty: the arrays `example_*` of the file.

    Eq. 5 takes the mean over a batch of training views. Here the images are as they are, and the
    mean is that over the training images of all classes, or an even sample of them.

    Args:
        config: The run, whose strategy and growth rate give the weights.
        student: Trained by it, in eval mode.
        data: Of the run.
        label: The class.
        examples: How many of the easiest and of the hardest; fewer where they would overlap.
    """
    positions = (data.train.labels == label).nonzero().flatten()
    of_class = data.train.at(positions)
    sample = evenly(len(data.train), MEAN_IMAGES)
    batch_mean = _cross_entropy(student, data.train.at(sample), data).mean()
    logits = look(student, of_class, data).logits
    gamma = difficulty(cross_entropy(logits, of_class.labels, reduction="none"), batch_mean)
    easy_threshold = threshold(config.preview.growth_rate, config.optimization.epochs)
    right = logits.softmax(1)[:, label]
    weight = STRATEGIES[config.preview.strategy](Difficulty(gamma, easy_threshold, right))
    order = gamma.argsort(stable=True)
    kept = min(examples, len(order) // 2)
    shown = torch.cat([order[:kept], order[len(order) - kept :]])
    return {
        "example_label": np.array(label),
        "example_positions": positions[order].numpy(),
        "example_difficulty": gamma[order].numpy(),
        "example_weight": weight[order].numpy(),
        "example_images": _pixels(of_class.at(shown)),
        "strategy": np.array(config.preview.strategy),
        "threshold": np.array(easy_threshold),
        "mean_cross_entropy": np.array(float(batch_mean)),
        "mean_images": np.array(len(sample)),
    }


def evenly(count: int, most: int) -> Tensor:
    """Spread at most so many positions evenly over 0 to count - 1: int64 [K], ascending."""
    return torch.from_numpy(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _cross_entropy(network: Network, images: ImageSplit, data: RunData) -> Tensor:
    """Cross entropy of each image, [N], in nats."""
    return cross_entropy(look(network, images, data).logits, images.labels, reduction="none")


def _pixels(images: ImageSplit) -> Array:
    """uint8 [N, H, W, 3], as `look` shows them."""
    batches = [pixels for pixels, _ in images.evaluation_batches(BATCH)]
    array: Array = torch.cat(batches).permute(0, 2, 3, 1).contiguous().numpy()
    return array
