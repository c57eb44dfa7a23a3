"""Parts of messages."""

from collections.abc import Sequence

MOST_NAMES = 5
"""Names that a message lists before it counts the rest."""


def listed(names: Sequence[object]) -> str:
    """Join up to five names, then a count."""
    more = len(names) - MOST_NAMES
    return ", ".join(map(str, names[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")
