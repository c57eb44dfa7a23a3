"""Imported networks whose classes are in another order than those of the images."""

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment

from pckd.data import listed, normalise
from pckd.errors import InputError
from pckd.models import Network
from pckd.training.evaluation import BATCH
from pckd.training.run_data import RunData


@torch.no_grad()
def reorder_classes(network: Network, given: Sequence[str], wanted: Sequence[str]) -> None:
    """Put the rows of a network's classifier into another order, in place.

    Args:
        network: Of as many classes.
        given: The names of its classes in its own order.
        wanted: The same names in the order that is wanted.

    Raises:
        InputError: The names are not the same.
    """
    if sorted(given) != sorted(wanted):
        unknown = sorted(set(given) - set(wanted)) or sorted(set(wanted) - set(given)) or given
        raise InputError(
            f"{len(given)} class names are given, which are not those of the images, such as "
            f"{listed(unknown)}; the images have {listed(wanted)}"
        )
    place = {name: row for row, name in enumerate(given)}
    rows = torch.tensor([place[name] for name in wanted])
    layer = network.classifier_layer
    layer.weight.copy_(layer.weight[rows])
    layer.bias.copy_(layer.bias[rows])


@torch.inference_mode()
def best_reordered_top1(network: Network, data: RunData) -> float:
    """Top-1 accuracy in percent on the test images, for the order of classes that fits best.

    Args:
        network: In eval mode, on the device of the images.
        data: Whose test images are looked at.
    """
    classes = data.num_classes
    confusion = torch.zeros(classes * classes, dtype=torch.int64)
    for pixels, labels in data.test.evaluation_batches(BATCH):
        answers = network(normalise(pixels, data.mean, data.std)).logits.argmax(1)
        confusion += torch.bincount((labels * classes + answers).cpu(), minlength=classes**2)
    counts = confusion.view(classes, classes).numpy()
    matched = linear_sum_assignment(counts, maximize=True)
    return float(100 * counts[matched].sum() / len(data.test))
