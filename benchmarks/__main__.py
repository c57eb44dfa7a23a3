"""`python -m benchmarks [PART ...]`: the figures of docs/performance.md, on this machine."""

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks.machine import describe_machine
from benchmarks.pairs import Ratio
from benchmarks.parts import PARTS, Setting
from benchmarks.targets import show_ratios, write_ratios


def _known(parts: list[str] | None) -> list[str]:
    for part in parts or ():
        if part not in PARTS:
            raise typer.BadParameter(f"{part} is not one of {', '.join(PARTS)}")
    return parts or list(PARTS)


def main(
    parts: Annotated[
        list[str] | None,
        typer.Argument(callback=_known, help=f"{', '.join(PARTS)}; all by default"),
    ] = None,
    data_root: Annotated[str | None, typer.Option(help="CIFAR-100; noise by default")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="pairs of a ratio, a fifth for methods")] = 5,
    studies: Annotated[int, typer.Option(min=1, help="pairs of the ratio of studies")] = 2,
    out: Annotated[Path, typer.Option(help="where the ratios go")] = Path("build/bench.json"),
) -> None:
    """Measure pckd against the peers' training loop, on one thread of the CPU or on a GPU."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    console = Console()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    console.print(describe_machine())
    setting = Setting(device, data_root, rounds, studies, console)
    ratios: list[Ratio] = []
    for part in parts or ():
        console.print(f"[dim]{part} ...")
        ratios += PARTS[part](setting)
    if ratios:
        show_ratios(ratios, console)
        write_ratios(ratios, out)
    minutes = (time.perf_counter() - started) / 60
    console.print(f"{len(ratios)} ratios written to {out}, after {minutes:.1f} minutes")


if __name__ == "__main__":
    typer.run(main)
