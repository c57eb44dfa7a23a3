"""Packages that import what they offer when it is first asked for, so that they are light."""

import ast
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module


def lazily(package: str) -> Callable[[str], object]:
    """Make the `__getattr__` of a package whose imports all stand below `if TYPE_CHECKING:`.

    Type checkers read those imports. At run time each is done when its name is first asked for.
    """

    def find(name: str) -> object:
        if name not in _places(package):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(_places(package)[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return find


@cache
def _places(package: str) -> dict[str, str]:
    """The module that each name of a package is imported from, as its source says."""
    source = pkgutil.get_data(package, "__init__.py") or b""
    imports = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module or "" for node in imports for alias in node.names}
