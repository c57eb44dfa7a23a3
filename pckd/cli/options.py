"""Options that several commands share."""

from typing import Annotated

import typer

Results = Annotated[
    str,
    typer.Option(
        "--results", envvar="PCKD_RESULTS", help="Results root: a folder or a filesystem URI."
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, for example loss.kd=0.5."),
]
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster to use, or auto; by default one starts on this machine."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]
DataName = Annotated[str | None, typer.Option("--data", help="Data set.")]
DataRoot = Annotated[str | None, typer.Option("--data-root", help="Folder or URI that holds it.")]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch or unpack the data set if it is missing.")
]
