"""Suggestions for a misspelt word."""

import difflib


def near_misses(word: str, allowed: list[str]) -> str:
    """Suggest the words nearest to a misspelt one: '; did you mean a, b?', '' if none is near."""
    near = difflib.get_close_matches(word, allowed, n=3, cutoff=0.6)
    return f"; did you mean {', '.join(near)}?" if near else ""
