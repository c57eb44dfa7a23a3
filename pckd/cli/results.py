"""`pckd results`: the tables on the terminal, or as one file."""

import sys
from pathlib import Path
from textwrap import fill
from typing import Annotated, Literal

import typer

from pckd.cli.app import App
from pckd.cli.options import Force, Json, Results, Study
from pckd.cli.output import (
    FIRST_ROWS,
    first_rows,
    line_width,
    print_rows,
    refuse_overwriting,
    write_output,
)
from pckd.errors import InputError
from pckd.study.names import TableName
from pckd.words import plural

app = App()

Table = Annotated[TableName, typer.Argument(help="Table to print.")]

TELLING = {
    "trials": "case seed status test_top1 last_top1 best_top1 epochs_done trial seconds method "
    "reason notices",
    "epochs": "trial epoch top1 top5 loss_total learning_rate seconds threshold easy_share",
    "probes": "case role model data top1 mean_average_precision student_seed seed protocol trial",
    "plan": "pair case seed trial position is_default",
    "verdicts": "candidate reference pair name estimate low high seeds reason",
}
"""Columns of each table, the most telling first."""

OF_EARLIER = "among these are rows of earlier plans, code or images (is_planned: False): {}"
"""Sentence on rows that the plan does not name."""


@app.command()
def show(
    study: Study,
    table: Table = "trials",
    results: Results = "results",
    wide: Annotated[bool, typer.Option("--wide", help="Show all columns.")] = False,
    whole: Annotated[
        bool,
        typer.Option("--all", help=f"Show all rows, not the first {FIRST_ROWS}; a pipe gets all."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the most telling columns of a table of a study."""
    from pckd.cli.columns import as_started, filled, fitting, picked
    from pckd.storage import Storage
    from pckd.study.mixed_teachers import mixed_teachers
    from pckd.study.planned_rows import IS_PLANNED, are_planned, planned_rows
    from pckd.study.table_store import store_of

    storage = Storage(results)
    store = store_of(storage, study, table)
    rows = as_started(store.rows(table))
    said = are_planned(store, table, [row.get("trial") for row in rows])
    rows = [{**row, IS_PLANNED: each} for row, each in zip(rows, said, strict=True)]
    columns = [name for name in filled(rows) if not name.startswith("config")]
    if as_json:
        print_rows(picked(rows, columns), as_json=True)
        return
    compared = store_of(storage, study, "verdicts")
    for verdict in compared.rows("verdicts"):
        print(fill(verdict["sentence"], line_width()))
    shown = rows if whole else rows[: first_rows(len(rows))]
    telling = [name for name in TELLING[table].split() if name in columns]
    names = columns if wide else fitting(shown, telling, line_width())
    print_rows(picked(shown, names), as_json=False)
    if more := len(rows) - len(shown):
        print(f"{plural(more, 'more row')}: --all, or --json")
    if more := len(columns) - len(names):
        print(f"{plural(more, 'more column')}: --wide, or --json")
    if table == "trials":
        planned = [row for row in rows if row[IS_PLANNED] is not False]
    else:
        planned, _ = planned_rows(store)
    confirming, _ = planned_rows(compared) if compared.study != store.study else ([], 0)
    for sentence in (*mixed_teachers(planned), *mixed_teachers(confirming)):
        print(fill(sentence, line_width()))
    if others := said.count(False):
        print(OF_EARLIER.format(others))


@app.command()
def export(
    study: Study,
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="A new file; by default the text is printed. With --to: a folder or an address.",
        ),
    ] = None,
    table: Annotated[
        TableName | None,
        typer.Option(help="Table for csv and parquet; trials by default."),
    ] = None,
    form: Annotated[
        Literal["csv", "parquet", "latex", "markdown"] | None,
        typer.Option(
            "--format",
            help="By default, the format of the file's ending: .csv, .parquet, .tex or .md.",
        ),
    ] = None,
    tracker: Annotated[
        Literal["mlflow", "wandb"] | None,
        typer.Option("--to", help="Send each trial to a tracker as a run, once."),
    ] = None,
    force: Force = False,
    results: Results = "results",
) -> None:
    """Write a table, its means for a paper, or trials for a tracker."""
    if tracker is not None:
        if form or table or force:
            raise InputError("--to takes no --format, --table or --force")
        _track(study, tracker, place, results)
        return
    to = None if place is None else Path(place)
    if to is None and form in (None, "parquet"):
        raise InputError("name a file, or give --format csv, latex or markdown to print")
    from pckd.analysis import exporting
    from pckd.storage import Storage
    from pckd.study.earlier_plan import ensure_plan
    from pckd.study.planned_rows import rows_of_earlier
    from pckd.study.table_store import store_of

    chosen = form or exporting.format_of(to or Path())
    if to is not None:
        refuse_overwriting(to, force=force)
    storage = Storage(results)
    ensure_plan(storage, study)
    store = store_of(storage, study, table or "trials")
    content = exporting.export(storage, store.study, chosen, table)
    if chosen in exporting.ROWS:
        others = rows_of_earlier(store, table or "trials")
        if others:
            print(OF_EARLIER.format(others), file=sys.stderr)
    if to is None:
        print(content.decode(), end="")
        return
    write_output(to, content, force=force)
    print(to)


@app.command("optuna")
def open_in_optuna(
    study: Study,
    case: Annotated[
        str, typer.Option(metavar="NAME", help="Case, if the study searches in each of its cases.")
    ] = "",
    place: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL|FILE",
            help="Keep it there for Optuna's own tools: a database, or a new journal file.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a study of that name in the storage.")
    ] = False,
    results: Results = "results",
    as_json: Json = False,
) -> None:
    """Open a search as an Optuna study, with true states."""
    from pckd.storage import Storage
    from pckd.study.optuna_study import open_search, optuna_storage, trial_rows

    storage = Storage(results)
    opened = open_search(storage, study, case)
    if place is not None:
        kept = optuna_storage(place, opened.study_name, replace=force)
        opened = open_search(storage, study, case, kept)
    print_rows(trial_rows(opened), as_json=as_json)


@app.command("compact")
def compact_study(study: Study, results: Results = "results") -> None:
    """Merge the small files of ended trials, so that reading is faster."""
    from pckd.storage import Storage
    from pckd.study.compaction import compact
    from pckd.study.results import open_study

    merged = compact(open_study(Storage(results), study))
    print(", ".join(f"{table}: {plural(count, 'file')} merged" for table, count in merged.items()))


def _track(study: str, tracker: str, place: str | None, results: str) -> None:
    from pckd.analysis.loading import load_study
    from pckd.analysis.tracking import TRACKERS, track
    from pckd.analysis.tracking.runs import trial_runs
    from pckd.storage import Storage
    from pckd.study.earlier_plan import ensure_plan

    storage = Storage(results)
    ensure_plan(storage, study)
    runs = list(trial_runs(load_study(storage, study)))
    new = track(runs, TRACKERS[tracker](study, place))
    old = len(runs) - new
    print(f"{study}: {plural(new, 'new run')} in {tracker}, {old} from before")
