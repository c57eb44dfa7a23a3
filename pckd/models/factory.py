"""Networks made from their names; a family's module is imported on first use."""

import inspect
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from pckd.errors import InputError
from pckd.models.names import FAMILIES, canonical_name, library_of, offered, registered
from pckd.models.network import Network

if TYPE_CHECKING:
    from pckd.models.names import Constructor


def create_model(name: str, *, num_classes: int) -> Network:
    """Make a network with random weights, drawn from torch's global generator.

    Args:
        name: any spelling that ``canonical_name`` knows. ``resnet50`` is the peers' network for
            32x32 images; ``torchvision/resnet50`` is torchvision's for ImageNet.
        num_classes: number M of classes, at least 1.

    Raises:
        InputError: the name is not known, there is no class to tell, or a plug-in's constructor
            cannot be imported or gives no ``Network`` with a linear classifier and its bias.
    """
    if num_classes < 1:
        raise InputError(f"model {name!r} needs at least one class, not {num_classes}")
    network = _constructor(canonical_name(name))(num_classes=num_classes)
    if not isinstance(network, Network):
        kind = type(network).__name__
        raise InputError(f"model {name!r}: its constructor gives a {kind}, not a pckd Network")
    _check_classifier(network, name)
    return network


def _check_classifier(network: Network, name: str) -> None:
    """Refuse a network whose last layer is not what terms read: a weight and a bias."""
    path = getattr(network, "classifier_name", "")
    try:
        layer = network.get_submodule(path)
    except AttributeError:
        layer = network
    if not isinstance(layer, nn.Linear):
        raise InputError(f"model {name!r}: its classifier_name {path!r} is no linear layer of it")
    if layer.bias is None:
        raise InputError(f"model {name!r}: its classifier has no bias, which terms may read")


def source_file(name: str) -> Path:
    """The file that holds a network's code; of a library's network, the file that wraps it.

    Raises:
        InputError: the name is not known, or a plug-in cannot be imported.
    """
    canonical = canonical_name(name)
    families = (family for family, names in FAMILIES.items() if canonical in names)
    module = next((f"pckd.models.{family}" for family in families), library_of(canonical))
    made = import_module(module) if module else _constructor(canonical)
    return Path(inspect.getfile(getattr(made, "func", made)))


def _constructor(name: str) -> "Constructor":
    """Return the constructor of a canonical name."""
    for family, names in FAMILIES.items():
        if name in names:
            found: Constructor = import_module(f"pckd.models.{family}").NETWORKS[name]
            return found
    if library := library_of(name):
        made: Constructor = import_module(library).constructor(name.partition("/")[2])
        return made
    return registered(name) or _loaded(offered()[name])


def _loaded(point: EntryPoint) -> "Constructor":
    try:
        constructor: Constructor = point.load()
    except Exception as error:  # whatever importing foreign code raises
        raise InputError(
            f"model {point.name!r}: {point.value} cannot be imported: {error}"
        ) from error
    return constructor
