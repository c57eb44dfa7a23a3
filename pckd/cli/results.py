"""`pckd results`: the tables on the terminal, or as one file."""

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import typer

from pckd.cli.options import Json, Results
from pckd.cli.output import print_frame
from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.compaction import compact
from pckd.study.earlier_plan import ensure_plan
from pckd.study.results import open_study

app = typer.Typer(no_args_is_help=True)

Table = Annotated[
    Literal["trials", "epochs", "probes", "plan", "verdicts"], typer.Argument(help="Which table.")
]

VERDICT_COLUMNS = ["candidate", "reference", "name", "estimate", "low", "high", "seeds", "reason"]
"""Of the table `verdicts`: those that fit a terminal."""


@app.command()
def show(
    study: str, table: Table = "trials", results: Results = "results", as_json: Json = False
) -> None:
    """Print a table of a study, without the columns of the configuration."""
    frame = _read(study, table, Storage(results))
    columns = [name for name in frame.columns if not name.startswith("config")]
    if table == "verdicts" and not as_json:
        columns = VERDICT_COLUMNS
    print_frame(frame[columns].dropna(axis="columns", how="all"), as_json=as_json)


@app.command()
def export(
    study: str,
    to: Annotated[Path, typer.Argument(help="A new .csv or .parquet file.")],
    table: Table = "trials",
    results: Results = "results",
) -> None:
    """Write a whole table of a study as one CSV or Parquet file."""
    if to.suffix not in (".csv", ".parquet"):
        raise InputError(f"{to}: give a name that ends in .csv or .parquet")
    frame = _read(study, table, Storage(results))
    if to.suffix == ".csv":
        frame.to_csv(to, index=False)
    else:
        frame.to_parquet(to, index=False)
    print(f"{len(frame)} rows: {to}")


@app.command("compact")
def compact_study(study: str, results: Results = "results") -> None:
    """Merge the small files of what has ended, so that large studies are read at once."""
    merged = compact(open_study(Storage(results), study))
    print(", ".join(f"{table}: {count} files merged" for table, count in merged.items()))


def _read(study: str, table: str, storage: Storage) -> pd.DataFrame:
    if table == "plan":
        ensure_plan(storage, study)
    return open_study(storage, study).read(table)
