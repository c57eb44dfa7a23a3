"""Counts and durations in words, wherever pckd says them, and signs that no words hold."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""Signs that no file or table holds: null, and halves of characters, as in names not in UTF-8."""

UNSHOWN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Signs that no line shows: those, and control signs."""

HASH_DIGITS = 12
"""Digits of a content hash that are shown, and by which teachers are named."""


def as_shown(name: str) -> str:
    """A name without the differences that nobody sees: how accents are stored, and hidden signs."""
    visible = (sign for sign in name if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFC", "".join(visible))


def unseen(text: str) -> str:
    """The first sign that looks like a space, or like nothing, and is no space; '' without any."""
    if text.isascii():
        return ""
    kinds = ("Cf", "Zl", "Zp", "Zs")
    return next((sign for sign in text if sign != " " and unicodedata.category(sign) in kinds), "")


def plural(count: int, word: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def noticed(notices: Iterable[str]) -> Counter[str]:
    """Count the sentences of several trials' notices, which stand between semicolons."""
    return Counter(each for text in notices for each in text.split("; ") if each)


def gibibytes(size: float) -> str:
    """`1.5 GiB`, of a number of bytes."""
    return f"{size / 2**30:,.1f} GiB"


def duration(seconds: float) -> str:
    """A measured time: `45 s`, `3 min 20 s`, `2 h 03 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def rough_duration(seconds: float) -> str:
    """An estimated time, in the largest unit that tells enough: `45 seconds`, `1.8 hours`."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
