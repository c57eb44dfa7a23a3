"""Parts of messages."""

from collections.abc import Sequence

MOST_NAMES = 5
"""Names that a message lists before it counts the rest."""


def unused(splits: Sequence[str], test: str) -> tuple[str, ...]:
    """A sentence on the splits that lie beside those of a run and are not used; none without any.

    Args:
        splits: Their names.
        test: The name of the split that the test images are from.
    """
    if not splits:
        return ()
    verb = "is" if len(splits) == 1 else "are"
    return (f"{listed(splits)} beside train and {test} {verb} not used",)


def listed(names: Sequence[object]) -> str:
    """Join up to five names, then a count."""
    more = len(names) - MOST_NAMES
    return ", ".join(map(str, names[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")
