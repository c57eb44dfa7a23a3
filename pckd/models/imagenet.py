"""Torchvision's ImageNet classifiers, wrapped: their code and their entry names, our ``Outputs``.

Imported only when a ``torchvision/...`` name is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from torchvision import models

from pckd.errors import InputError
from pckd.models.names import TORCHVISION
from pckd.models.network import Network, Outputs

IMAGE_SIZE = 224


def library_names() -> list[str]:
    """Names of torchvision's classifiers, such as ``torchvision/resnet34``."""
    return [TORCHVISION + architecture for architecture in models.list_models(module=models)]


def constructor(architecture: str) -> Callable[..., Network]:
    """What makes one of torchvision's classifiers, by torchvision's own name."""
    return partial(create_torchvision, architecture)


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
    """Make one of torchvision's classifiers with random weights and let it give ``Outputs``.

    The class of the instance is replaced by one that also derives from ``Network``, as
    ``torch.nn.utils.parametrize`` does: the state dict stays torchvision's own.

    Args:
        architecture: a name that torchvision has, such as ``resnet34``.
        num_classes: number M of classes.

    Raises:
        InputError: it does not end in a linear layer, or has auxiliary classifiers besides.
    """
    model: Any = models.get_model(architecture, weights=None, num_classes=num_classes)
    calls = _survey(model)
    stage_names = _stage_names(calls)
    attributes = {
        "classifier_name": _classifier_name(model, calls, architecture),
        "stage_names": stage_names,
        "relu_names": _relu_names(model, calls, stage_names),
        "score": type(model).forward,
        "__module__": __name__,
    }
    model.__class__ = type(architecture, (TorchvisionNetwork, type(model)), attributes)
    assert isinstance(model, Network)
    return model


class TorchvisionNetwork(Network):
    """Mixed into a torchvision classifier.

    The stages are the last square feature map of each size that it has for its nominal image:
    for a ResNet the stem's and the four layers'. A vision transformer shows the map of its patch
    embedding only.

    Attributes:
        stage_names: paths of the modules that give the stages.
        relu_names: by the path of a stage, the ReLU module that gives its output, if one does.
        score: torchvision's own forward, from images to logits.
    """

    traceable = False  # what the modules give is read while they run
    stage_names: ClassVar[tuple[str, ...]]
    relu_names: ClassVar[dict[str, str]]
    score: ClassVar[Callable[[Any, Tensor], Tensor]]

    def forward(self, images: Tensor) -> Outputs:
        """Classify normalised float images ``[B, 3, H, W]``."""
        watched = self.relu_names if self.shows_before_relu else {}
        with (
            _recorded(self, (*self.stage_names, self.classifier_name)) as calls,
            _entering(self, watched.values()) as entering,
        ):
            logits = self.score(images)
        seen = {call.name: call for call in calls}
        stages = {name: seen[name].output for name in self.stage_names}
        before_relu = stages | {stage: entering[relu] for stage, relu in watched.items()}
        return Outputs(
            tuple(stages.values()),
            seen[self.classifier_name].inputs[0],
            logits,
            tuple(before_relu.values()) if self.shows_before_relu else (),
        )


class _Call(NamedTuple):
    """One call of a module in a forward pass."""

    name: str
    inputs: tuple[Any, ...]
    output: Any


@contextmanager
def _recorded(model: nn.Module, names: Iterable[str]) -> Iterator[list[_Call]]:
    """Collect the calls of the named modules, in the order in which they end."""
    calls: list[_Call] = []

    def record(name: str) -> RemovableHandle:
        return model.get_submodule(name).register_forward_hook(
            lambda _, inputs, output: calls.append(_Call(name, inputs, output))
        )

    handles = [record(name) for name in names]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _entering(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Collect by name the last input of each of the named modules, which may overwrite it."""
    inputs: dict[str, Tensor] = {}

    def watch(name: str) -> RemovableHandle:
        def keep(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            inputs[name] = given[0].clone()

        return model.get_submodule(name).register_forward_pre_hook(keep)

    handles = [watch(name) for name in names]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def _survey(model: nn.Module) -> list[_Call]:
    """The calls of all modules for one image of nominal size, without computing numbers."""
    outline = deepcopy(model).to("meta").eval()
    inner = [name for name, _ in outline.named_modules() if name]
    with _recorded(outline, inner) as calls:
        outline(torch.empty(1, 3, IMAGE_SIZE, IMAGE_SIZE, device="meta"))
    return calls


def _classifier_name(model: nn.Module, calls: list[_Call], architecture: str) -> str:
    """The path of the linear layer that is the last to work."""
    leaves = [call.name for call in calls if not any(model.get_submodule(call.name).children())]
    if not isinstance(model.get_submodule(leaves[-1]), nn.Linear):
        raise InputError(f"model '{TORCHVISION}{architecture}' does not end in a linear layer")
    if getattr(model, "aux_logits", False):
        raise InputError(f"model '{TORCHVISION}{architecture}' has auxiliary classifiers")
    return leaves[-1]


def _stage_names(calls: list[_Call]) -> tuple[str, ...]:
    """The paths of the last square map of each size, among blocks and what holds blocks."""
    last_of_size = {
        call.output.shape[-1]: call.name
        for call in calls
        if call.name.count(".") < 2 and _is_square_map(call.output)
    }
    return tuple(last_of_size.values())


def _relu_names(model: nn.Module, calls: list[_Call], stages: Iterable[str]) -> dict[str, str]:
    """By stage, but for the first, the path of the ReLU module whose output the stage gives."""
    outputs = {call.name: call.output for call in calls}
    relus = [call for call in calls if isinstance(model.get_submodule(call.name), nn.ReLU)]
    return {
        stage: relu.name
        for stage in islice(stages, 1, None)
        for relu in relus
        if relu.output is outputs[stage]
    }


def _is_square_map(output: object) -> bool:
    return (
        isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] == output.shape[3] > 1
    )
