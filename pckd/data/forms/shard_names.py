"""Names of Parquet files, which tell whether a split is complete."""

import re
from collections import Counter
from collections.abc import Sequence

from pckd.data.words import listed
from pckd.errors import InputError

NUMBERED = re.compile(r"[a-z]+-(\d+)-of-(\d+)(-[0-9a-f]+)?\.parquet")
"""Names of numbered files, on the hub with a hash behind: train-00000-of-00002.parquet."""

COPY = re.compile(r"\(\d+\)|\bcopy\b| ", re.IGNORECASE)
"""Marks that file managers add to the names of copies."""


def split_of(name: str) -> str | None:
    """Return the split to which a file belongs by its name, or None if it is no such file."""
    match = re.fullmatch(r"([a-z]+)(-.*| .*)?\.parquet", name)
    return match[1] if match else None


def check_whole(where: str, split: str, names: Sequence[str]) -> None:
    """Refuse the files of a split if they do not belong together.

    Numbered files have the numbers 0 to n - 1 of one n, each once; no others stand beside them.

    Args:
        where: The folder, for messages.
        split: The name of the split.
        names: Of its files.

    Raises:
        InputError: The files are of several exports, one is missing, or one is there twice.
    """
    parts = {name: match for name in names if (match := NUMBERED.fullmatch(name))}
    others = [name for name in names if name not in parts]
    copies = [name for name in others if COPY.search(name)]
    together = f"{where} holds files of the split {split} that do not belong together"
    if (parts and others) or copies or (f"{split}.parquet" in others and len(others) > 1):
        raise InputError(
            f"{together}: {listed(sorted(copies or names))}; leave those of one export there"
        )
    if not parts:
        return
    promised = sorted({int(match[2]) for match in parts.values()})
    if len(promised) > 1:
        raise InputError(
            f"{together}: one says that there are {promised[0]}, another that there are "
            f"{promised[1]}: {listed(sorted(names))}; leave those of one export there"
        )
    _check_numbers(where, split, {name: int(match[1]) for name, match in parts.items()}, *promised)


def _check_numbers(where: str, split: str, number_of: dict[str, int], promised: int) -> None:
    counts = Counter(number_of.values())
    twice = sorted(name for name, number in number_of.items() if counts[number] > 1)
    if twice:
        raise InputError(
            f"{where} holds a part of the split {split} more than once: {listed(twice)}; leave one"
        )
    missing = [f"{number:05}" for number in range(promised) if number not in counts]
    beyond = sorted(name for name, number in number_of.items() if number >= promised)
    if missing or beyond:
        raise InputError(
            f"{where} holds {len(number_of) - len(beyond)} of the {promised} files "
            f"{split}-*-of-{promised:05}.parquet: "
            + (f"missing are {listed(missing)}" if missing else f"{listed(beyond)} is beyond them")
        )
