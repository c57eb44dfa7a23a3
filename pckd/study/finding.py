"""Look-up of study files: the user's own, and those installed with pckd."""

import re
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pckd.errors import InputError
from pckd.files.writing import write_atomically
from pckd.near_misses import near_misses

SHIPPED = Path(__file__).parents[1] / "studies"
"""The study files that are installed with pckd."""

SCHEMA = "study.schema.json"
"""JSON Schema of study files, which lies beside them."""

SUFFIXES = (".yaml", ".yml")
"""Endings of study files."""

EDITORS = "yaml-language-server:"
"""First words of the comment that tells editors of the schema."""

OWN = Path("studies")
"""The user's own study files, below the working folder."""


def available_studies() -> dict[str, Path]:
    """List all study files that can be run by name; the user's own hide installed ones."""
    return dict(sorted({**_files(SHIPPED), **_files(OWN)}.items()))


def installed() -> list[str]:
    """Names of the study files that are installed with pckd."""
    return sorted(_files(SHIPPED))


def find_study_file(name: str) -> Path:
    """Find the study file that a command's FILE|NAME means.

    Args:
        name: A path, or the name of a file in ./studies or of one that is installed with pckd.

    Raises:
        InputError: There is no such file.
    """
    given = Path(name)
    if given.suffix in SUFFIXES or "/" in name:
        if given.is_file():
            return given
        raise InputError(f"{name}: there is no such study file")
    return _named(name, available_studies())


def copy_study(name: str) -> Path:
    """Copy a study file that is installed with pckd into ./studies, where its name means the copy.

    The schema is copied with it.

    Raises:
        InputError: No such file is installed, or ./studies has a file of that name.
    """
    source = _named(name, _files(SHIPPED))
    target = OWN / source.name
    if target.exists():
        raise InputError(f"{target}: the file exists already; rename or delete it first")
    for file in (source, SHIPPED / SCHEMA):
        write_atomically(OWN / file.name, partial(_copy_into, file))
    return target


def describe_study(path: Path) -> str:
    """Read the first sentence of the comment at the top of a study file; '' if there is none."""
    words = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        if EDITORS not in line:
            words.append(line.removeprefix("#").strip())
    return re.split(r"\.(?: |$)|(?<=\?) ", " ".join(words))[0]


def _copy_into(file: Path, stream: BinaryIO) -> None:
    stream.write(file.read_bytes())


def _files(folder: Path) -> dict[str, Path]:
    found = (path for suffix in SUFFIXES for path in folder.glob(f"*{suffix}"))
    return {path.stem: path for path in found if path.is_file()}


def _check_alone(file: Path) -> None:
    """Refuse a study file beside one of the same name with another ending."""
    twins = [file.with_suffix(suffix) for suffix in SUFFIXES]
    if all(twin.exists() for twin in twins):
        names = " and ".join(map(str, twins))
        raise InputError(f"{names} have one name: rename one, or write which you mean")


def _named(name: str, files: dict[str, Path]) -> Path:
    if name in files:
        _check_alone(files[name])
        return files[name]
    known = sorted(files)
    raise InputError(
        f"there is no study named {name}{near_misses(name, known)}; known: {', '.join(known)}"
    )
