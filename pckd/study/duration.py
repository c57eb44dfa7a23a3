"""Durations in words."""


def duration(seconds: float) -> str:
    """A duration in the largest unit that tells enough."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
