"""Files that a source file imports from pckd and from the package that it lies in."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

Packages = Mapping[str, Path]
"""The folder of each top-level package, by its name."""


def imported(file: Path) -> Iterator[tuple[str, Path]]:
    """The modules that a file imports for more than its types, each with its file.

    Modules of other packages than pckd and its own are left out.
    """
    within = _package(file)
    own = {within[0]: file.parents[len(within) - 1]} if within else {}
    packages = {**own, "pckd": root()}
    for module, name in _imports(tree(file), within):
        if module.partition(".")[0] in packages:
            place = _place(module, name, packages)
            found = _file(place, packages)
            if found.exists():  # else it is no Python, for example compiled
                yield place, found


@cache
def root() -> Path:
    """The folder of pckd's sources."""
    spec = find_spec("pckd")
    if spec is None or spec.origin is None:
        raise RuntimeError("pckd's own sources are not to be found")
    return Path(spec.origin).parent


@cache
def tree(file: Path) -> ast.Module:
    """The parsed source of a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def module_file(module: str) -> Path:
    """The file of a module of pckd."""
    return _file(module, {"pckd": root()})


def _package(file: Path) -> tuple[str, ...]:
    """Names of the packages that a file lies in, the outermost first."""
    if not (file.parent / "__init__.py").exists():
        return ()
    return (*_package(file.parent), file.parent.name)


def _imports(node: ast.AST, within: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Module and name of each import; '' where the module itself is meant.

    Args:
        node: Of the file.
        within: The packages that it lies in.
    """
    if isinstance(node, ast.Import):
        yield from ((each.name, "") for each in node.names)
    if isinstance(node, ast.ImportFrom):
        module = _absolute(node, within)
        yield from ((module, each.name) for each in node.names)
    for child in _run(node):
        yield from _imports(child, within)


def _run(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below a node that are there for more than types."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return node.orelse
    return ast.iter_child_nodes(node)


def _absolute(node: ast.ImportFrom, within: tuple[str, ...]) -> str:
    """The full name of the module that names are imported from."""
    above = within[: len(within) - node.level + 1] if node.level else ()
    return ".".join([*above, *([node.module] if node.module else [])])


def _place(module: str, name: str, packages: Packages) -> str:
    """The module in which a name is made, which a package may only hand on."""
    file = _file(module, packages)
    if not name or file.name != "__init__.py" or not file.exists():
        return module
    if _file(f"{module}.{name}", packages).exists():
        return f"{module}.{name}"
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and name in (each.name for each in node.names):
            origin = _absolute(node, tuple(module.split(".")))
            is_known = origin.partition(".")[0] in packages
            return _place(origin, name, packages) if is_known else module
    return module


def _file(module: str, packages: Packages) -> Path:
    top, *rest = module.split(".")
    path = packages[top].joinpath(*rest)
    plain = path.with_suffix(".py")
    return plain if plain.exists() else path / "__init__.py"
