"""Networks by name: names, other spellings and where each is built. Imports no torch."""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from pckd.errors import InputError

if TYPE_CHECKING:
    from pckd.models.network import Network

    Constructor = Callable[..., Network]
    """Called as ``constructor(num_classes=M)``; draws from torch's global generator."""

FAMILIES = {
    "mobilenet": ("mobilenetv2",),
    "resnet": (
        "resnet8",
        "resnet14",
        "resnet20",
        "resnet32",
        "resnet44",
        "resnet56",
        "resnet110",
        "resnet8x4",
        "resnet32x4",
        "resnet50",
    ),
    "shufflenet_v1": ("shufflenetv1",),
    "shufflenet_v2": ("shufflenetv2",),
    "vgg": ("vgg8", "vgg11", "vgg13", "vgg16", "vgg19"),
    "wide_resnet": ("wrn_16_1", "wrn_16_2", "wrn_40_1", "wrn_40_2"),
}
"""Canonical names by the module of ``pckd.models`` whose ``NETWORKS`` holds their constructors."""

ALIASES = {
    "mobilenet_v2": "mobilenetv2",
    "mobile_half": "mobilenetv2",
    "shufflev1": "shufflenetv1",
    "shuffle_v1": "shufflenetv1",
    "shufflenet_v1": "shufflenetv1",
    "shufflev2": "shufflenetv2",
    "shuffle_v2": "shufflenetv2",
    "shufflenet_v2": "shufflenetv2",
    **{f"{name}_bn": name for name in FAMILIES["vgg"]},
}
"""Canonical names by their other spellings; besides, case and the choice of - or _ do not matter"""

TORCHVISION = "torchvision/"

TIMM = "timm/"

LIBRARIES = {TORCHVISION: "pckd.models.imagenet", TIMM: "pckd.models.from_timm"}
"""Module for each library of networks, by the prefix of their names."""

LISTED_OF_LIBRARIES = (f"{TORCHVISION}resnet18", f"{TORCHVISION}resnet34")
"""Library networks that are listed: the two that the paper uses."""

NAMES_SHOWN = 40
"""Number of names in a sentence: enough for all of ours, and some of a library's."""

GROUP = "pckd.networks"
"""Entry points by which installed packages offer networks: name = "module:constructor"."""

_registered: "dict[str, Constructor]" = {}


def canonical_name(name: str) -> str:
    """Return a network's canonical name from any spelling: ``ShuffleV1`` -> ``shufflenetv1``.

    Raises:
        InputError: the name is not known; near misses are named.
    """
    folded = _folded(name)
    if found := _spellings((*_registered, *offered())).get(ALIASES.get(folded, folded)):
        return found
    library = library_of(folded)
    known = import_module(library).library_names() if library else list_models()
    if folded not in known:
        raise InputError(not_known("model", name, known))
    return folded


@cache
def _spellings(of_plugins: tuple[str, ...]) -> dict[str, str]:
    """The canonical name of each listed spelling, for as long as plug-ins have these names."""
    return {_folded(known): known for known in list_models()}


def library_of(name: str) -> str:
    """Return the module that makes a library's network, '' if the name belongs to no library."""
    return next((module for start, module in LIBRARIES.items() if name.startswith(start)), "")


def list_models(pattern: str = "*") -> list[str]:
    """List the canonical names that match a shell pattern, sorted, numbers by their value.

    Plug-ins are among them. Of torchvision only the two networks that the paper uses are listed,
    and of timm none; ``create_model`` takes any of their classifiers that end in a linear layer,
    as ``torchvision/NAME`` and ``timm/NAME``.
    """
    built_in = {name for names in FAMILIES.values() for name in names}
    listed = built_in.union(_registered, offered(), LISTED_OF_LIBRARIES)
    return sorted((name for name in listed if fnmatch(name, pattern)), key=_by_number)


def find_models(pattern: str) -> list[str]:
    """List the canonical names that match a shell pattern, or the one network that is named.

    Args:
        pattern: a shell pattern such as ``wrn*``, or any spelling of one network's name.

    Raises:
        InputError: nothing matches, or the name is not known; near misses are named.
    """
    return list_models(pattern) or [canonical_name(pattern)]


def register_network(name: str, constructor: "Constructor") -> None:
    """Register a network under a name, for this process; a study's plug-in calls this on import.

    Args:
        name: how studies call it; letters, digits, ``_``, ``.`` and ``-``.
        constructor: called with ``num_classes=M``, gives a ``Network`` with random weights.

    Raises:
        InputError: the name is not of these characters, or belongs to another network.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"network {name!r}: a name has letters, digits, '_', '.' and '-' only")
    spelling = _folded(name)
    known = {_folded(taken) for taken in (*ALIASES, *list_models()) if taken not in _registered}
    others = {_folded(taken) for taken in _registered if taken != name}
    before = _registered.get(name, constructor)
    if spelling in known | others or before.__module__ != constructor.__module__:
        raise InputError(f"network {name!r} is known already: choose another name")
    _registered[name] = constructor


def registered(name: str) -> "Constructor | None":
    """Return the constructor that was registered for a canonical name, if any."""
    return _registered.get(name)


@cache
def offered() -> dict[str, EntryPoint]:
    """Return the networks of installed packages by name, without importing them."""
    return {point.name: point for point in entry_points(group=GROUP)}


def not_known(kind: str, name: str, known: Sequence[str]) -> str:
    """Make the sentence for an unknown name, with near misses if there are any.

    The part before the last slash of a name, such as its library, is not compared, nor is what
    follows a full stop, such as the name of weights that timm publishes.
    """
    by_tail = {_tail(_folded(candidate)): candidate for candidate in known}
    near = get_close_matches(_tail(_folded(name)), by_tail, n=3, cutoff=0.7)
    meant = ", ".join(by_tail[tail] for tail in near)
    more = ", ..." if len(known) > NAMES_SHOWN else ""
    listed = f"known are {', '.join(known[:NAMES_SHOWN])}{more}"
    advice = f"did you mean {meant}?" if near else listed
    return f"{kind} {name!r} is not known; {advice}"


def _by_number(name: str) -> list[str | int]:
    """Split a name into words and numbers, so that ``resnet8`` sorts before ``resnet14``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _tail(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]
