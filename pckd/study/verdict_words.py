"""A verdict in words."""

from collections.abc import Mapping
from typing import Any


def verdict_sentence(row: Mapping[str, Any]) -> str:
    """Put a row of the table `verdicts` into words."""
    who, other, seeds = row["candidate"], row["reference"], row["seeds"]
    if row["name"] == "go on":
        return f"{who} against {other}: {seeds} seeds so far, more are needed"
    why = f" ({row['reason']})" if row["reason"] else ""
    if row["low"] is None or row["low"] != row["low"]:
        return f"{who} against {other}: not clear after {seeds} seeds{why}"
    said = {
        "better": f"{who} is better than {other}",
        "worse": f"{who} is worse than {other}",
        "no difference": f"{who} and {other} differ by less than {row['smallest_difference']:g}",
        "not clear": f"whether {who} is better than {other} is not clear",
    }[row["name"]]
    share = 100 * (1 - row["level"] / row["comparisons"])
    interval = f"{share:.3g} % interval {row['low']:+.2f} to {row['high']:+.2f}"
    return f"{said}: {row['estimate']:+.2f} points, {interval}, after {seeds} seeds{why}"
