"""A progress bar for the work of opening a data set for the first time."""

from collections.abc import Iterable
from typing import TypeVar

from pckd.loudness import is_quiet

Item = TypeVar("Item")


def tracked(items: Iterable[Item], description: str, total: int) -> Iterable[Item]:
    """Pass items on and show how many are done, where standard error is a terminal.

    Args:
        items: What is passed on.
        description: What the bar says.
        total: How many items there are.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    disabled = is_quiet() or not console.is_terminal
    return track(items, description, total, console=console, disable=disabled)
