"""`pckd probe`: linear probes of the networks of a study, or of one in a file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import Address, Assignments, DataRoot, Download, Json, Results
from pckd.cli.output import print_rows
from pckd.errors import InputError
from pckd.study.names import NAME, NETWORKS
from pckd.transfer.protocols import PROTOCOLS

if TYPE_CHECKING:
    from pckd.storage import Storage
    from pckd.study.probe_task import ProbeTask
    from pckd.study.resources import Resources
    from pckd.training.network_file import TrainedNetwork
    from pckd.transfer.stage import ProbeStage

SHOWN = (
    *("model", "role", "case", "student_seed", "data", "protocol", "seed"),
    *("top1", "mean_average_precision"),
)


def probe(
    probed: Annotated[
        str,
        typer.Argument(metavar="STUDY|FILE", help="Name of a study, or a network's file (./NAME)."),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="NAME",
            help="Target data set; may be repeated.",
            autocompletion=completion.data_sets,
        ),
    ],
    data_root: DataRoot = None,
    download: Download = False,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}.")] = "exact",
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="Seed of the probe; may be repeated.")
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--arch", metavar="NAME", help="Architecture, if FILE is a checkpoint of other code."
        ),
    ] = None,
    trained_on: Annotated[
        str, typer.Option(metavar="NAME", help="Data set that the checkpoint was trained on.")
    ] = "cifar100",
    assignments: Assignments = None,
    gpus: Annotated[
        float, typer.Option(min=0, help="GPUs of one probe; a share packs several.")
    ] = 0,
    results: Results = "results",
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Fit a linear classifier on frozen networks.

    They are the students and teachers of a study, or one in a file. A file is a network that pckd
    wrote or, with --arch, a checkpoint of others. --set changes keys of the targets: classes,
    images_per_class, image_size. Results go to the study, those of files to the reserved study
    `networks`.
    """
    place = {"root": data_root, "download": download or None}
    stage = _stage(data, place, assignments or [], protocol, seeds or [0])
    resources = _resources(gpus)
    from pckd.progress import Display
    from pckd.storage import Storage
    from pckd.study.checks import probe_notices
    from pckd.study.probing import probe_tasks
    from pckd.training.importing import read_network

    storage = Storage(results)
    if not re.fullmatch(NAME, probed):
        network = read_network(Path(probed), architecture, trained_on, Display().say)
        tasks = _tasks_of_file(network, stage, storage)
    elif architecture is None:
        tasks = probe_tasks(storage, probed, stage)
    else:
        raise InputError(f"--arch is for a checkpoint: write ./{probed} if that is a file")
    for sentence in probe_notices(stage):
        Display().say(sentence)
    from pckd.distributed.stages import run_missing_probes

    run_missing_probes(tasks, resources, storage, Display(), address=address)
    _print(tasks, storage, as_json=as_json)


def _stage(
    names: list[str],
    place: Mapping[str, object],
    assignments: list[str],
    protocol: str,
    seeds: list[int],
) -> "ProbeStage":
    from pckd.cli.given import COMMAND_LINE
    from pckd.nested import with_changes
    from pckd.settings import parse_assignments, validate
    from pckd.training.config import DataConfig
    from pckd.transfer.stage import ProbeStage

    changes = {key: value for key, value in place.items() if value is not None}
    changes |= parse_assignments(assignments)
    targets = [
        validate(DataConfig, with_changes({"name": name}, changes), f"--data {name}")
        for name in names
    ]
    values = {"data": targets, "protocol": protocol, "seeds": seeds}
    return validate(ProbeStage, values, COMMAND_LINE)


def _resources(gpus: float) -> "Resources":
    from pckd.settings import validate
    from pckd.study.resources import Resources

    return validate(Resources, {"gpus_per_worker": gpus}, "--gpus")


def _tasks_of_file(
    network: "TrainedNetwork", stage: "ProbeStage", storage: "Storage"
) -> "list[ProbeTask]":
    from pckd.study.given_networks import keep_network
    from pckd.study.probing import check_targets, tasks_of

    check_targets(stage, network.image_size)
    return tasks_of(NETWORKS, [keep_network(network, storage)], stage, storage)


def _print(tasks: "list[ProbeTask]", storage: "Storage", *, as_json: bool) -> None:
    from pckd.study.results import ResultsStore

    rows = [ResultsStore(storage, task.study).find("probes", task.identity) for task in tasks]
    found = [row for row in rows if row is not None]
    names = [name for name in SHOWN if any(row[name] is not None for row in found)]
    shown = [{name: row[name] for name in names} for row in found]
    print_rows(shown, as_json=as_json)
