"""The code that decides a run's numbers, as a hash: what all runs share, and what this one names.

The files follow from their imports, so no list of them can be out of date. A term, a network or a
data set that a run does not name is not among them: adding one changes no run that was stored.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pckd.method import find_term
from pckd.models import source_file

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
"""Modules whose doing an identity holds already: settings as their values, images as their
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
        named.append(_file(PREPARING))
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
    return frozenset().union(*(closure(_file(module)) for module in ENTRIES))


@cache
def closure(file: Path) -> frozenset[Path]:
    """A file with all files of pckd that it imports, directly or through others."""
    found, waiting = {file}, [file]
    while waiting:
        new = set(_imported(waiting.pop())) - found
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
    root = _root()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


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


def _imported(file: Path) -> Iterator[Path]:
    """The files of pckd that a file imports for more than its types."""
    for module, name in _imports(_tree(file)):
        place = _place(module, name)
        if not any(f"{place}.".startswith(f"{other}.") for other in SAID_OTHERWISE + KEEPING):
            yield _file(place)


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of each import of something of pckd; '' where the module itself is meant."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from ((each.name, "") for each in node.names if _is_ours(each.name))
    if isinstance(node, ast.ImportFrom) and node.module is not None and _is_ours(node.module):
        yield from ((node.module, each.name) for each in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "pckd"


def _place(module: str, name: str) -> str:
    """The module in which a name is made, which a package may only hand on."""
    if not name or _file(module).name != "__init__.py":
        return module
    if _exists(f"{module}.{name}"):
        return f"{module}.{name}"
    for node in ast.walk(_tree(_file(module))):
        if isinstance(node, ast.ImportFrom) and name in (each.name for each in node.names):
            return _place(str(node.module), name)
    return module


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _exists(module: str) -> bool:
    path = _root().joinpath(*module.split(".")[1:])
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _file(module: str) -> Path:
    path = _root().joinpath(*module.split(".")[1:])
    plain = path.with_suffix(".py")
    return plain if plain.exists() else path / "__init__.py"


@cache
def _root() -> Path:
    spec = find_spec("pckd")
    if spec is None or spec.origin is None:
        raise RuntimeError("pckd's own sources are not to be found")
    return Path(spec.origin).parent
