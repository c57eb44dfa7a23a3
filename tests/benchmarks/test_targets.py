import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.pairs import Ratio
from benchmarks.targets import show_ratios, verdict, write_ratios


@pytest.mark.parametrize(
    ("name", "middle", "expected"),
    [
        ("loader", 2.99, "missed"),
        ("loader", 3.0, "reached"),
        ("loader", 4.0, "aim reached"),
        ("study16_fp32_wrn", 9.0, "reached"),
    ],
)
def test_the_verdict_compares_the_median_with_must_and_aim(
    name: str, middle: float, expected: str
) -> None:
    assert verdict(Ratio(name, (0.1, middle, 99.0))) == expected


def test_the_table_shows_a_miss_and_the_file_holds_every_ratio(tmp_path: Path) -> None:
    ratios = [Ratio("loader", (2.0,)), Ratio("step_bank_bf16_wrn", (5.5, 5.5))]
    console = Console(record=True, width=100)
    show_ratios(ratios, console)
    assert "missed" in console.export_text()
    write_ratios(ratios, tmp_path / "build" / "bench.json")
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert [entry["name"] for entry in written] == ["loader", "step_bank_bf16_wrn"]
    assert written[1] == ratios[1].as_json()
