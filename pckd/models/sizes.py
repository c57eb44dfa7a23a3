"""Sizes of the networks; those of this package are read from a file, without building any.

`python -m pckd.models.sizes` writes the file anew.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pckd.models.names import FAMILIES, LISTED_OF_LIBRARIES

FILE = Path(__file__).with_name("sizes.json")

BUILT_IN = (*(name for names in FAMILIES.values() for name in names), *LISTED_OF_LIBRARIES)
"""The networks whose sizes are in the file."""

Sizes = dict[str, str | int]
"""The fields of `pckd.models.ModelInfo`."""


def sizes_of(name: str) -> Sizes:
    """The sizes of a network.

    Args:
        name: Its canonical name.

    Raises:
        InputError: It is not known.
    """
    return _written()[name] if name in _written() else _measured(name)


def sizes_text(names: Iterable[str] = BUILT_IN) -> str:
    """The content of the file, measured."""
    return json.dumps({name: _measured(name) for name in names}, indent=1) + "\n"


def _measured(name: str) -> Sizes:
    from pckd.models.info import model_info

    return asdict(model_info(name))


@cache
def _written() -> dict[str, Sizes]:
    found: dict[str, Sizes] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    FILE.write_text(sizes_text(), encoding="utf-8")
