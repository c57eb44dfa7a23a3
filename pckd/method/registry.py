"""Terms by name: built in, from an installed package's entry points, or registered by a module."""

import importlib
import pkgutil
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pckd.errors import InputError
from pckd.method import terms
from pckd.near_misses import near_misses

if TYPE_CHECKING:
    from pckd.method.term import Term

GROUP = "pckd.terms"
"""Entry points by which installed packages offer terms: name = "module:Class"."""

EQUATION_ORDER = (
    "cross_entropy",
    "kd",
    "center_contrast",
    "feature_alignment",
    "center_alignment",
)
"""Order in which the terms of PCKD's Eq. 8 are added and listed; all others follow by name."""

BUILT_IN = tuple(sorted(module.name for module in pkgutil.iter_modules(terms.__path__)))
"""The terms of this package: the files below `terms/`."""

_registered: "dict[str, type[Term[Any]]]" = {}


def list_terms() -> list[str]:
    """All names of terms, in the order in which terms are added."""
    return in_order({*BUILT_IN, *_offered(), *_registered})


def in_order(names: set[str]) -> list[str]:
    """Names of terms in the order in which they are added: Eq. 8's, then the others by name."""
    first = [name for name in EQUATION_ORDER if name in names]
    return first + sorted(names - set(first))


def find_term(name: str) -> "type[Term[Any]]":
    """Return the class of a term; only that term's file is imported.

    Raises:
        InputError: There is no such term, or the package that offers it cannot be imported.
    """
    if name in BUILT_IN:
        return _built_in(name)
    if name in _registered:
        return _registered[name]
    if name in _offered():
        return _loaded(_offered()[name])
    known = list_terms()
    raise InputError(
        f"{name} is not a known term{near_misses(name, known)}; allowed: {', '.join(known)}"
    )


def register_term(name: str, term: "type[Term[Any]]") -> None:
    """Register a term under a name, for this process.

    Raises:
        InputError: It is no term, or the name has other characters than letters, digits, _ and -,
            is a word of PyTorch's, or belongs to a term of another module.
    """
    _checked(name, term)
    known = _registered.get(name)
    is_other = known is not None and known.__module__ != term.__module__
    if name in BUILT_IN or name in _offered() or is_other:
        raise InputError(f"the term {name} is known already: choose another name")
    _registered[name] = term


@cache
def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> "type[Term[Any]]":
    try:
        found = point.load()
    except Exception as error:
        raise InputError(
            f"the term {point.name} of {point.value} cannot be imported: {error}"
        ) from error
    return _checked(point.name, found)


def _checked(name: str, found: object) -> "type[Term[Any]]":
    """Return a plug-in's term, which an objective can hold under its name."""
    from torch import nn

    from pckd.method.term import Term

    if not re.fullmatch(r"[\w-]+", name) or hasattr(nn.ModuleDict(), name):
        raise InputError(
            f"the term {name!r}: a name has letters, digits, _ and - only, and is no word of "
            "PyTorch's modules, such as type or keys"
        )
    if not (isinstance(found, type) and issubclass(found, Term)):
        raise InputError(f"the term {name}: {found!r} is not a subclass of Term")
    return found


@cache
def _built_in(name: str) -> "type[Term[Any]]":
    return _only_term(importlib.import_module(f"{terms.__name__}.{name}"))


def _only_term(module: ModuleType) -> "type[Term[Any]]":
    """The one subclass of `Term` that a module defines."""
    from pckd.method.term import Term

    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Term)
        and value.__module__ == module.__name__
    )
    return found
