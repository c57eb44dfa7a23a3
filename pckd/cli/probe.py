"""`pckd probe`: linear probes of the students of a finished study."""

from typing import Annotated

import typer

from pckd.cli.options import Address, Assignments, Results
from pckd.progress import Display
from pckd.settings import parse_assignments, validate, with_changes
from pckd.storage import Storage
from pckd.study.results import open_study
from pckd.study.spec import Resources
from pckd.transfer.protocols import ProbeStage


def probe(
    study: Annotated[str, typer.Argument(help="Name of a study.")],
    data: Annotated[list[str], typer.Option("--data", help="Target data set; may be repeated.")],
    data_root: Annotated[str | None, typer.Option(help="Folder or URI of the target.")] = None,
    protocol: Annotated[str, typer.Option(help="Name of the protocol.")] = "exact",
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="May be repeated.")] = None,
    assignments: Assignments = None,
    results: Results = "results",
    address: Address = None,
) -> None:
    """Fit a linear classifier on the frozen students, and the teacher, of a finished study."""
    changes = parse_assignments(assignments or [])
    targets = [
        with_changes({"name": name} | ({"root": data_root} if data_root else {}), changes)
        for name in data
    ]
    stage = validate(
        ProbeStage,
        {"data": targets, "protocol": protocol, "seeds": seeds or [0]},
        "the command line",
    )
    storage = Storage(results)
    open_study(storage, study)
    from pckd.distributed.driver import probe_study

    probe_study(study, stage, Resources(), storage, Display(), address=address)
