"""Adapters that make other libraries' networks return our ``Outputs``; entry names stay."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pckd.models.network import Network, Outputs


def wrap(
    model: Any,  # noqa: ANN401
    name: str,
    *,
    classifier_name: str,
    stage_names: tuple[str, ...],
    calls: "list[Call]",
) -> Network:
    """Make a library's network return ``Outputs``.

    The class of the instance is replaced by one that also derives from ``Network``, as
    ``torch.nn.utils.parametrize`` does: the state dict stays the library's own.

    Args:
        model: from images to logits.
        name: of the new class.
        classifier_name: path of the linear layer that is the last to work.
        stage_names: paths of the modules that give the stages.
        calls: what ``survey`` saw.
    """
    attributes = {
        "classifier_name": classifier_name,
        "stage_names": stage_names,
        "relu_names": _relu_names(model, calls, stage_names),
        "score": type(model).forward,
        "__module__": __name__,
    }
    model.__class__ = type(name, (WrappedNetwork, type(model)), attributes)
    assert isinstance(model, Network)
    return model


class WrappedNetwork(Network):
    """Mixin for the class of a library's network.

    Attributes:
        stage_names: paths of the modules that give the stages.
        relu_names: by the path of a stage, the ReLU module that gives its output, if one does.
        score: the library's own forward, from images to logits.
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


class Call(NamedTuple):
    """One call of a module in a forward pass."""

    name: str
    inputs: tuple[Any, ...]
    output: Any


@contextmanager
def _recorded(model: nn.Module, names: Iterable[str]) -> Iterator[list[Call]]:
    """Collect the calls of the named modules, in the order in which they end."""
    calls: list[Call] = []

    def record(name: str) -> RemovableHandle:
        return model.get_submodule(name).register_forward_hook(
            lambda _, inputs, output: calls.append(Call(name, inputs, output))
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


def survey(model: nn.Module, image_size: int) -> list[Call]:
    """Record the calls of all modules for one square image, without computing numbers."""
    outline = deepcopy(model).to("meta").eval()
    inner = [name for name, _ in outline.named_modules() if name]
    with _recorded(outline, inner) as calls:
        outline(torch.empty(1, 3, image_size, image_size, device="meta"))
    return calls


def _relu_names(model: nn.Module, calls: list[Call], stages: Iterable[str]) -> dict[str, str]:
    """Map each stage after the first to the ReLU module that makes its output."""
    outputs = {call.name: call.output for call in calls}
    relus = [call for call in calls if isinstance(model.get_submodule(call.name), nn.ReLU)]
    return {
        stage: relu.name
        for stage in islice(stages, 1, None)
        for relu in relus
        if relu.output is outputs[stage]
    }


def is_square_map(output: object) -> bool:
    """Return whether a module's output is a feature map [B, C, H, H] of more than one pixel."""
    return (
        isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] == output.shape[3] > 1
    )
