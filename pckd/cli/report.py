"""`pckd report`: from the tables to a page."""

from pathlib import Path
from typing import Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import Results


def report(
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...", help="Names of studies.", autocompletion=completion.kept_studies
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder; by default reports/STUDY.")] = None,
    results: Results = "results",
) -> None:
    """Write a report of studies: one page, with figures and tables."""
    from pckd.analysis import write_report
    from pckd.storage import Storage
    from pckd.study.earlier_plan import ensure_plan

    storage = Storage(results)
    for study in studies:
        ensure_plan(storage, study)
    page = write_report(storage, studies, out or Path("reports") / "+".join(studies))
    print(f"report: {page}")
