"""torchvision's ImageNet classifiers, with their own code and names, returning our ``Outputs``.

Imported only when a ``torchvision/...`` name is asked for.
"""

from collections.abc import Callable
from functools import partial

from torch import nn
from torchvision import models

from pckd.errors import InputError
from pckd.models.names import TORCHVISION
from pckd.models.network import Network
from pckd.models.wrapped import Call, is_square_map, survey, wrap

IMAGE_SIZE = 224


def library_names() -> list[str]:
    """Names of torchvision's classifiers, such as ``torchvision/resnet34``."""
    return [TORCHVISION + architecture for architecture in models.list_models(module=models)]


def constructor(architecture: str) -> Callable[..., Network]:
    """Return the function that makes one of torchvision's classifiers, by its name."""
    return partial(create_torchvision, architecture)


def image_size(architecture: str) -> int:
    """Return the nominal height and width of the images of torchvision's networks."""
    return IMAGE_SIZE


def torchvision_accuracies(name: str) -> dict[str, float]:
    """Top-1 accuracy on ImageNet, in percent, of the weights that torchvision publishes.

    Args:
        name: a canonical name that begins with ``torchvision/``.

    Returns:
        By torchvision's name of the weights, such as ``torchvision IMAGENET1K_V1``.
    """
    published = models.get_model_weights(name.removeprefix(TORCHVISION))
    return {
        f"torchvision {weights.name}": weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        for weights in published
    }


def create_torchvision(architecture: str, *, num_classes: int) -> Network:
    """Make one of torchvision's classifiers with random weights; it returns ``Outputs``.

    The stages are the last square feature map of each size that it has for its nominal image:
    for a ResNet the stem's and the four layers'. A vision transformer shows the map of its patch
    embedding only.

    Args:
        architecture: a name that torchvision has, such as ``resnet34``.
        num_classes: number M of classes.

    Raises:
        InputError: it does not end in a linear layer, or has auxiliary classifiers besides.
    """
    model = models.get_model(architecture, weights=None, num_classes=num_classes)
    calls = survey(model, IMAGE_SIZE)
    return wrap(
        model,
        architecture,
        classifier_name=_classifier_name(model, calls, architecture),
        stage_names=_stage_names(calls),
        calls=calls,
    )


def _classifier_name(model: nn.Module, calls: list[Call], architecture: str) -> str:
    """Return the path of the linear layer that runs last."""
    leaves = [call.name for call in calls if not any(model.get_submodule(call.name).children())]
    if not isinstance(model.get_submodule(leaves[-1]), nn.Linear):
        raise InputError(f"model '{TORCHVISION}{architecture}' does not end in a linear layer")
    if getattr(model, "aux_logits", False):
        raise InputError(f"model '{TORCHVISION}{architecture}' has auxiliary classifiers")
    return leaves[-1]


def _stage_names(calls: list[Call]) -> tuple[str, ...]:
    """Return the paths of the last square map of each size, among blocks and their containers."""
    last_of_size = {
        call.output.shape[-1]: call.name
        for call in calls
        if call.name.count(".") < 2 and is_square_map(call.output)
    }
    return tuple(last_of_size.values())
