"""`pckd study`: run and follow studies."""

from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli import completion
from pckd.cli.app import App
from pckd.cli.options import (
    Address,
    Assignments,
    Fresh,
    Json,
    Results,
    RetryFailed,
    RunScale,
    Study,
    StudyFile,
)
from pckd.cli.output import print_rows, print_text
from pckd.errors import RunError
from pckd.study.names import confirm_name
from pckd.training.scale import Scale

if TYPE_CHECKING:
    from pckd.storage import Storage
    from pckd.study.plan import Ended
    from pckd.study.spec import StudySpec

app = App()


@app.command()
def run(
    file: StudyFile,
    assignments: Assignments = None,
    results: Results = "results",
    address: Address = None,
    retry_failed: RetryFailed = False,
    bank_memory: Annotated[
        float | None,
        typer.Option(
            metavar="GIB", help="Memory of each machine for teacher features; half by default."
        ),
    ] = None,
    only_show: Annotated[bool, typer.Option("--dry-run", help="Only show what would run.")] = False,
    budget: Annotated[
        float | None,
        typer.Option(min=0, metavar="HOURS", help="Refuse a study that takes longer."),
    ] = None,
    fresh: Fresh = False,
    scale: RunScale = "full",
) -> None:
    """Run a study, or what is missing of it."""
    spec = _read(file, assignments, scale, bank_memory)
    from pckd.storage import Storage

    storage = Storage(results)
    if only_show:
        from pckd.study.dry_run import dry_run

        for line in dry_run(spec, storage, retry_failed=retry_failed, fresh=fresh):
            print_text(line)
    if budget is not None:
        from pckd.study.cost import check_budget

        check_budget(spec, storage, budget, retry_failed=retry_failed, fresh=fresh)
    if only_show:
        return
    from pckd.distributed.driver import run_study
    from pckd.progress import Display

    ended = run_study(
        spec, storage, Display(), address=address, retry_failed=retry_failed, fresh=fresh
    )
    _summarise(spec.study, ended, storage)


@app.command()
def work(
    file: StudyFile,
    assignments: Assignments = None,
    results: Results = "results",
    retry_failed: RetryFailed = False,
    scale: RunScale = "full",
) -> None:
    """Train what is missing in this process, without Ray.

    Other processes may do the same at the same time, and share the trials of the study.
    """
    spec = _read(file, assignments, scale)
    from pckd.api import show_work
    from pckd.storage import Storage

    storage = Storage(results)
    ended = show_work(spec, storage, retry_failed=retry_failed)
    _summarise(spec.study, ended, storage)


@app.command()
def confirm(
    study: Study,
    assignments: Assignments = None,
    results: Results = "results",
    address: Address = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Compare the best of a study with references, on fresh seeds."""
    from pckd.settings import parse_assignments
    from pckd.storage import Storage
    from pckd.study.kept_study import kept_study

    storage = Storage(results)
    spec = kept_study(storage, study, parse_assignments(assignments or []))
    from pckd.distributed.driver import confirm_ended
    from pckd.progress import Display

    ended = confirm_ended(spec, storage, Display(), address=address, retry_failed=retry_failed)
    _summarise(confirm_name(study), ended, storage)


@app.command()
def status(
    study: Study,
    results: Results = "results",
    as_json: Json = False,
) -> None:
    """Show how far the trials of a study are, also while it runs."""
    from pckd.cli.study_tables import show_status

    show_status(results, study, as_json=as_json)


@app.command()
def trial(
    study: Study,
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="Identity of the trial, or its beginning.")
    ],
    results: Results = "results",
) -> None:
    """Repeat one trial alone and set its numbers beside the study's."""
    from pckd.progress import Display
    from pckd.storage import Storage
    from pckd.study.repeat import repeat_trial
    from pckd.words import plural

    display = Display()
    before, now = repeat_trial(
        study,
        identity,
        Storage(results),
        lambda record: display.say(f"epoch {record.epoch}: top-1 {record.top1:.2f} %"),
        lambda: display.say("another process repeats this trial; waiting for that"),
    )
    for name, outcome in (("study", before), ("alone", now)):
        value = "no accuracy" if outcome.value is None else f"last top-1 {outcome.value:.4f} %"
        print(f"{name}: {outcome.status}, {value}")
    epochs = min(len(before.history), len(now.history))
    if before.history[:epochs] != now.history[:epochs]:
        raise RunError(f"the accuracies differ, of {plural(epochs, 'epoch')} that both have")
    print(f"the accuracies agree, of {plural(epochs, 'epoch')}")


@app.command("list")
def list_studies(
    results: Results = "results",
    available: Annotated[
        bool, typer.Option("--available", help="Study files: your own and the installed ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the studies that have results, or can be run by name."""
    from pckd.cli.study_tables import available_rows, kept_rows

    rows = available_rows() if available else kept_rows(results)
    print_rows(rows, as_json=as_json)


@app.command()
def copy(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of an installed study.",
            autocompletion=completion.installed_studies,
        ),
    ],
) -> None:
    """Copy an installed study file into ./studies, to edit it."""
    from pckd.study.finding import copy_study

    print(copy_study(name))


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, with what plug-ins add."""
    from pckd.study.json_schema import schema_text

    print(schema_text(), end="")


def _read(
    file: str, assignments: list[str] | None, scale: Scale, bank_memory: float | None = None
) -> "StudySpec":
    """The study of a file or name, with the changes of --set, --scale and --bank-memory."""
    from pckd.study.finding import find_study_file

    path = find_study_file(file)
    from pckd.settings import parse_assignments
    from pckd.study.study_file import read_study

    changes = parse_assignments(assignments or [])
    if bank_memory is not None:
        changes["resources.bank_memory"] = bank_memory
    return read_study(path, changes, scale)


def _summarise(study: str, ended: "list[Ended]", storage: "Storage") -> None:
    """Say what was noticed about trials, and how many are done.

    Raises:
        RunError: Some failed.
    """
    from pckd.study.mixed_teachers import mixed_teachers
    from pckd.study.planned_rows import planned_rows
    from pckd.study.results import ResultsStore
    from pckd.words import noticed, plural

    for sentence in mixed_teachers(planned_rows(ResultsStore(storage, study))[0]):
        print_text(f"{study}: {sentence}")
    for sentence, count in noticed(outcome.notices for _, outcome in ended).items():
        print_text(f"{study}: {sentence} ({plural(count, 'trial')})")
    failed = [(trial, outcome) for trial, outcome in ended if outcome.status == "failed"]
    done = plural(len(ended) - len(failed), "trial")
    print(f"{study}: {done} done, results in {storage.root}")
    if failed:
        trial, outcome = failed[0]
        raise RunError(f"{plural(len(failed), 'trial')} failed; {trial}: {outcome.reason}")
