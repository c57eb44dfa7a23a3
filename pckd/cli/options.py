"""Arguments and options that several commands share, so that one thing has one word."""

from pathlib import Path
from typing import Annotated

import typer

from pckd.cli import completion
from pckd.training.scale import Scale

Study = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="Name of a study.", autocompletion=completion.kept_studies
    ),
]
StudyFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME",
        help="Study file, or its name.",
        autocompletion=completion.study_files,
    ),
]
NetworkFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A network file that pckd wrote.")
]
Results = Annotated[
    str,
    typer.Option(
        "--results",
        metavar="ROOT",
        envvar="PCKD_RESULTS",
        help="Results root: a folder or a filesystem URI.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, for example loss.kd=0.5."),
]
RunScale = Annotated[
    Scale, typer.Option("--scale", help="smoke: minutes on 2 cores, as study NAME-smoke.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Set earlier results aside and start over.")]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Ray cluster to use, or auto; by default one starts on this machine.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
DataName = Annotated[
    str | None,
    typer.Option("--data", metavar="NAME", help="Data set.", autocompletion=completion.data_sets),
]
Architecture = Annotated[
    str,
    typer.Option(
        "--arch", metavar="NAME", help="Architecture.", autocompletion=completion.networks
    ),
]
GivenData = Annotated[
    str,
    typer.Option("--data", metavar="NAME", help="Data set.", autocompletion=completion.data_sets),
]
DataRoot = Annotated[
    str | None,
    typer.Option(
        "--data-root", metavar="FOLDER|URI", help="Folder or filesystem URI that holds it."
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch or unpack the data set if it is missing.")
]
