"""Wheels of what pckd needs beside torch: which they are, getting them, putting them to use."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

CARRIED_BY_THE_MACHINE = re.compile(r"torch$|torchvision$|triton$|nvidia-|cuda-|pip$|setuptools$")
ROOTS = ("pckd", "pytest", "pytest-xdist", "hypothesis")
"""Packages that the steps use, beside those below them."""


def needed() -> list[str]:
    """The packages below the roots as `name==version`, as installed here, but for torch's."""
    found: dict[str, str] = {}
    waiting = list(ROOTS)
    while waiting:
        name = _plain(waiting.pop())
        if name in found or CARRIED_BY_THE_MACHINE.match(name):
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system, or an extra that is not asked for
        found[name] = f"{name}=={package.version}"
        waiting += [_name(text) for text in package.requires or () if _is_wanted(name, text)]
    return sorted(text for name, text in found.items() if name != "pckd")


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


def _is_wanted(name: str, requirement: str) -> bool:
    """Return whether a requirement counts: of extras only Ray's, which pckd asks for."""
    return "extra ==" not in requirement or name == "ray"


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
