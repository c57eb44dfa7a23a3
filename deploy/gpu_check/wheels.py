"""Wheels of what pckd needs beside torch: which they are, getting them, putting them to use."""

import re
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

CARRIED_BY_THE_MACHINE = re.compile(r"torch$|torchvision$|triton$|nvidia-|cuda-|pip$|setuptools$")
ROOTS = ("pckd", "pytest", "pytest-xdist", "hypothesis")
"""Packages that the steps use, beside those below them."""


def needed() -> list[str]:
    """The packages below the roots as `name==version`, as installed here, but for torch's."""
    # Not at the top: a machine on which the check runs may lack it.
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    waiting = [Requirement(name) for name in ROOTS]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if str(wanted) in seen or CARRIED_BY_THE_MACHINE.match(name):
            continue
        seen.add(str(wanted))
        package = distribution(name)
        found[name] = f"{name}=={package.version}"
        waiting += _below(package, wanted.extras)
    return sorted(text for name, text in found.items() if name != "pckd")


def _below(package: Distribution, extras: set[str]) -> "list[Requirement]":
    """The requirements of a package with some of its extras, on this system."""
    from packaging.requirements import Requirement

    each = map(Requirement, package.requires or ())
    asked = extras or {""}
    return [
        one
        for one in each
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in asked)
    ]


def download(folder: Path) -> None:
    """Get the wheels from the package index.

    Raises:
        CalledProcessError: pip cannot.
    """
    _pip("download", "--no-deps", "--dest", str(folder), *needed())


def missing(names: tuple[str, ...]) -> list[str]:
    """Those of these packages that this Python lacks."""
    return [name for name in names if not _is_installed(name)]


def install(wheels: Path, target: Path) -> None:
    """Unpack the carried wheels into a folder, for PYTHONPATH; nothing comes from a network.

    Raises:
        CalledProcessError: pip cannot, such as for another version of Python.
    """
    files = sorted(map(str, wheels.glob("*.whl")))
    _pip("install", "--no-index", "--no-deps", "--target", str(target), *files)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
