"""Networks by name."""

import re
from fnmatch import fnmatch

from pckd.errors import InputError
from pckd.models.network import Network
from pckd.models.registry import Entry, Registry

MODELS: Registry[Network] = Registry("model")
register_model = MODELS.register

TORCHVISION = "torchvision/"
LISTED_OF_TORCHVISION = (f"{TORCHVISION}resnet18", f"{TORCHVISION}resnet34")


def create_model(name: str, *, num_classes: int) -> Network:
    """Make a network with random weights, drawn from torch's global generator.

    Args:
        name: any spelling that ``canonical_name`` knows. ``resnet50`` is the peers' network for
            32x32 images; ``torchvision/resnet50`` is torchvision's for ImageNet.
        num_classes: number M of classes, at least 1.

    Raises:
        InputError: the name is not known, or there is no class to tell.
    """
    if num_classes < 1:
        raise InputError(f"model {name!r} needs at least one class, not {num_classes}")
    return _entry(name).build(num_classes=num_classes)


def canonical_name(name: str) -> str:
    """The one name of a network, from any of its spellings: ``ShuffleV1`` -> ``shufflenetv1``.

    Raises:
        InputError: the name is not known; near misses are named.
    """
    return _entry(name).name


def list_models(pattern: str = "*") -> list[str]:
    """Canonical names that match a shell pattern, sorted, numbers in them by their value.

    Of torchvision only the two networks that the paper uses are listed; ``create_model`` takes
    any of its classifiers that end in a linear layer as ``torchvision/NAME``.
    """
    listed = [name for name in LISTED_OF_TORCHVISION if fnmatch(name, pattern)]
    return sorted(MODELS.names(pattern) + listed, key=_by_number)


def find_models(pattern: str) -> list[str]:
    """Canonical names of the listed networks that match a shell pattern, or of the one named.

    Args:
        pattern: a shell pattern such as ``wrn*``, or any spelling of one network's name.

    Raises:
        InputError: nothing matches, or the name is not known; near misses are named.
    """
    return list_models(pattern) or [canonical_name(pattern)]


def _by_number(name: str) -> list[str | int]:
    """``resnet8`` before ``resnet14``: words and numbers alternate, beginning with a word."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _entry(name: str) -> Entry[Network]:
    if name.lower().startswith(TORCHVISION):
        from pckd.models.imagenet import torchvision_entry  # torchvision is slow to import

        return torchvision_entry(name)
    return MODELS.find(name, elsewhere=LISTED_OF_TORCHVISION)
