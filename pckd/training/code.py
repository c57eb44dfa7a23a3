"""The code that decides a run's numbers, as a hash: what all runs share, and what this one names.

The files follow from their imports, so no list of them can be out of date; of an installed plug-in
they are those of its own package. A term, a network or a data set that a run does not name is not
among them: adding one changes no run that was stored.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pckd.method import find_term
from pckd.models import source_file
from pckd.training.imports import imported, module_file, root

ENTRIES = ("pckd.training.run", "pckd.data.resident", "pckd.data.streamed")
"""Modules that every run computes with, or that give it its images."""

PREPARING = "pckd.training.preparing"
"""The module that trains what some terms prepare."""

SAID_OTHERWISE = (
    "pckd.data.catalogue",
    "pckd.data.opening",
    "pckd.method.presets",
    "pckd.method.registry",
    "pckd.models.factory",
    "pckd.models.names",
    "pckd.settings",
    "pckd.training.changes",
    "pckd.training.code",
    "pckd.training.config",
    "pckd.training.identity",
    "pckd.training.loss_config",
)
"""Modules whose effect an identity holds already: settings as their values, images as their
fingerprint, terms and networks as the files that their names lead to."""

KEEPING = (
    "pckd.addresses",
    "pckd.data.building",
    "pckd.data.forms",
    "pckd.data.place",
    "pckd.data.tracking",
    "pckd.data.words",
    "pckd.errors",
    "pckd.files",
    "pckd.machine",
    "pckd.models.checkpoints",
    "pckd.storage",
    "pckd.training.bank_files",
    "pckd.training.network_file",
    "pckd.training.preparations",
)
"""Modules and packages that keep, find or report what others compute."""


def code_of(
    *, terms: Iterable[str] = (), networks: Iterable[str] = (), prepares: bool = False
) -> str:
    """Hash the code that decides a run's numbers; without names, the code that all runs share.

    Comments, docstrings, descriptions of fields, messages of errors and layout do not count.

    Args:
        terms: Names of the terms that are on.
        networks: Names of the networks.
        prepares: Whether a term has a preparation.

    Raises:
        InputError: A name is not known.
    """
    named = [
        *(term_file(name) for name in terms),
        *(source_file(name) for name in networks),
    ]
    if prepares:
        named.append(module_file(PREPARING))
    return _hash_of(core_files() | frozenset().union(*(closure(file) for file in named)))


def term_file(name: str) -> Path:
    """The file that holds a term's code.

    Raises:
        InputError: There is no such term.
    """
    return Path(inspect.getfile(find_term(name)))


@cache
def core_files() -> frozenset[Path]:
    """The files that all runs share."""
    return frozenset().union(*(closure(module_file(module)) for module in ENTRIES))


@cache
def closure(file: Path) -> frozenset[Path]:
    """A file with all that it imports from pckd and from its own package, directly or not."""
    found, waiting = {file}, [file]
    while waiting:
        new = set(_used(waiting.pop())) - found
        found |= new
        waiting += new
    return frozenset(found)


@cache
def _hash_of(files: frozenset[Path]) -> str:
    named = sorted((_name(file), file) for file in files)
    text = "".join(f"{name}\n{meaning(file)}\n" for name, file in named)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _name(file: Path) -> str:
    """A file's name, below pckd where it lies there: where pckd is installed does not count."""
    return file.relative_to(root()).as_posix() if file.is_relative_to(root()) else file.name


def meaning(file: Path) -> str:
    """A file's code without what computes nothing."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [word for word in node.keywords if word.arg != "description"]
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_text(line: ast.AST) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def _used(file: Path) -> Iterator[Path]:
    """The files that a file imports and that may change numbers."""
    for module, found in imported(file):
        if not any(f"{module}.".startswith(f"{other}.") for other in SAID_OTHERWISE + KEEPING):
            yield found
