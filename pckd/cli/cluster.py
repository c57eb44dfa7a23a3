"""`pckd cluster`: studies as jobs of a Ray cluster, from a machine outside it."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli.app import App
from pckd.cli.options import (
    Assignments,
    Fresh,
    Json,
    Results,
    RetryFailed,
    RunScale,
    StudyFile,
)
from pckd.cli.output import print_rows
from pckd.errors import InputError, RunError

if TYPE_CHECKING:
    from pckd.distributed.jobs import Job, Jobs

app = App()

Dashboard = Annotated[
    str,
    typer.Option(
        envvar=["RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"], help="Address of the cluster's dashboard."
    ),
]
LOCAL = "http://127.0.0.1:8265"
Identity = Annotated[
    str, typer.Argument(metavar="JOB", help="Id of the job, as submit printed it.")
]


@app.command()
def submit(
    file: StudyFile,
    assignments: Assignments = None,
    results: Results = "results",
    address: Dashboard = LOCAL,
    retry_failed: RetryFailed = False,
    fresh: Fresh = False,
    scale: RunScale = "full",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Show the log until the study ends.")
    ] = True,
) -> None:
    """Run a study on a cluster, in a copy of the working tree."""
    from pckd.settings import parse_assignments
    from pckd.study.finding import find_study_file
    from pckd.study.study_file import plugin_files, read_study

    path = find_study_file(file)
    spec = read_study(path, parse_assignments(assignments or []), scale)
    for plugin in plugin_files(path, spec.plugins):
        _in_working_tree(plugin)
    arguments = ["study", "run", _in_working_tree(path), "--results", _shared(results)]
    arguments += [f"--set={assignment}" for assignment in assignments or []]
    arguments += ["--retry-failed"] * retry_failed + ["--fresh"] * fresh + ["--scale", scale]
    jobs = _jobs(address)
    identity = jobs.submit(arguments, Path.cwd(), _passed_on())
    print(identity, flush=True)
    if follow:
        _follow(jobs, identity)


@app.command()
def status(
    identity: Annotated[
        str | None, typer.Argument(metavar="JOB", help="Show this job only.")
    ] = None,
    address: Dashboard = LOCAL,
    as_json: Json = False,
) -> None:
    """List the jobs of a cluster."""
    jobs = _jobs(address)
    found = [jobs.find(identity)] if identity else jobs.all()
    rows = [job._asdict() for job in found]
    if not as_json:
        rows = [
            row | {"started": _clock(job.started)} for row, job in zip(rows, found, strict=True)
        ]
    print_rows(rows, as_json=as_json)


@app.command()
def logs(
    identity: Identity,
    address: Dashboard = LOCAL,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Follow the log until the job ends.")
    ] = True,
) -> None:
    """Show the log of a job."""
    jobs = _jobs(address)
    if follow:
        _follow(jobs, identity)
    else:
        print(jobs.log(identity), end="")


@app.command()
def stop(identity: Identity, address: Dashboard = LOCAL) -> None:
    """Stop a job, as Ctrl-C stops a study: submit it again to go on."""
    job = _jobs(address).stop(identity)
    print(f"{job.job} is {job.status.lower()}")


def _jobs(address: str) -> "Jobs":
    from pckd.distributed.jobs import Jobs

    return Jobs(address)


def _follow(jobs: "Jobs", identity: str) -> None:
    try:
        job = jobs.follow(identity, lambda text: print(text, end="", flush=True))
    except KeyboardInterrupt:
        print(
            f"detached; job {identity} goes on: pckd cluster logs {identity} shows it again, "
            f"pckd cluster stop {identity} stops it",
            file=sys.stderr,
        )
        return
    _check(job)


def _clock(moment: datetime | None) -> str | None:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else None


def _check(job: "Job") -> None:
    if job.status != "SUCCEEDED":
        raise RunError(f"job {job.job} is {job.status.lower()}: {job.message}")


def _in_working_tree(path: Path) -> str:
    tree = Path.cwd()
    if not path.resolve().is_relative_to(tree):
        raise InputError(f"{path} lies outside {tree}, the tree of which the cluster gets a copy")
    return path.resolve().relative_to(tree).as_posix()


def _shared(results: str) -> str:
    """The results root, refused where it is sure that the nodes cannot share it."""
    if "://" not in results and not Path(results).is_absolute():
        raise InputError(
            f"results root {results} is a folder of this machine: give --results a filesystem URI "
            "such as s3://BUCKET/results, or the absolute path of a folder that all nodes share"
        )
    return results


def _passed_on() -> dict[str, str]:
    """Settings of this environment for the job, without credentials: nodes have their own."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PCKD_") and name != "PCKD_RESULTS"
    }
