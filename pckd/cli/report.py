"""`pckd report`: from the tables to a page."""

from pathlib import Path
from typing import Annotated

import typer

from pckd.cli.options import Results
from pckd.storage import Storage


def report(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="Names of studies.")],
    out: Annotated[Path | None, typer.Option(help="Folder; by default reports/STUDY.")] = None,
    results: Results = "results",
) -> None:
    """Write a report of studies: one HTML page, its figures and its tables."""
    from pckd.analysis import write_report

    page = write_report(Storage(results), studies, out or Path("reports") / "+".join(studies))
    print(f"report: {page}")
