"""Targets of the figures, and their display."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.pairs import Ratio

TARGETS: dict[str, tuple[float, float | None]] = {
    "step_fp32_wrn": (1.4, 1.55),
    "step_fp32_r110": (1.15, 1.3),
    "step_bank_fp32_wrn": (2.3, 2.8),
    "step_bank_fp32_r110": (3.0, 3.5),
    "step_bank_bf16_wrn": (5.0, 6.0),
    "step_bank_bf16_r110": (5.0, 6.0),
    "study16_fp32_wrn": (2.1, None),
    "study16_fp32_r110": (2.7, None),
    "loader": (3.0, 4.0),
}
"""Must and aim, times faster than the peers' loop, by the name of the figure."""

OF_METHODS: dict[str, tuple[float, float | None]] = {
    "method_bank": (2.3, None),
    "method": (1.0, 1.4),
}
"""The same for `method_NAME` and `method_bank_NAME`; the aim is what half of the methods reach."""


def target_of(figure: str) -> tuple[float, float | None]:
    """Must and aim of a figure."""
    if figure in TARGETS:
        return TARGETS[figure]
    return next(target for kind, target in OF_METHODS.items() if figure.startswith(f"{kind}_"))


def show_ratios(ratios: Sequence[Ratio], console: Console) -> None:
    """Print the ratios beside what they must reach."""
    columns = ("figure", "times faster", "from", "to", "pairs", "must", "aim", "")
    table = Table(*columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for each in ratios:
        must, aim = target_of(each.name)
        table.add_row(
            each.name,
            f"{each.middle:.2f}",
            f"{min(each.of_pairs):.2f}",
            f"{max(each.of_pairs):.2f}",
            str(len(each.of_pairs)),
            f"{must}",
            "" if aim is None else f"{aim}",
            verdict(each),
        )
    console.print(table)


def verdict(reached: Ratio) -> str:
    """'missed', 'reached', or 'aim reached' where there is one."""
    must, aim = target_of(reached.name)
    if reached.middle < must:
        return "missed"
    return "aim reached" if aim is not None and reached.middle >= aim else "reached"


def write_ratios(ratios: Sequence[Ratio], path: Path) -> None:
    """Write the ratios as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([each.as_json() for each in ratios], indent=2) + "\n")
