"""`pckd distill` and `pckd evaluate`: one run, outside any study."""

from typing import Annotated

import typer

from pckd.cli import completion
from pckd.cli.options import (
    Assignments,
    DataName,
    DataRoot,
    Download,
    GivenData,
    NetworkFile,
    Results,
)
from pckd.cli.output import accuracy_text
from pckd.errors import check_is_file


def distill(
    student: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Architecture of the student.", autocompletion=completion.networks
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Architecture of the teacher.", autocompletion=completion.networks
        ),
    ] = None,
    data: DataName = None,
    data_root: DataRoot = None,
    download: Download = False,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and views.")] = None,
    assignments: Assignments = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes under Ray Train.")] = 1,
    results: Results = "results",
) -> None:
    """Train one student, and first its teacher where it is missing."""
    from pckd.cli.given import data_changes, run_config

    changes = {"student": student, "teacher": teacher, "seed": seed}
    images = data_changes(data, data_root, download=download)
    config = run_config({**changes, **images}, assignments)
    from pckd.distributed.one_run import distill_once
    from pckd.progress import Display
    from pckd.storage import Storage
    from pckd.study.paths import network_path
    from pckd.study.results import ResultsStore

    storage = Storage(results)
    trial = distill_once(config, storage, workers, Display())
    row = ResultsStore(storage, trial.study).row("trials", trial.identity)
    measured = accuracy_text(row["test_top1"], row["test_top5"], row["num_classes"])
    print(f"{measured} on the test images")
    print(f"student: {storage.full_path(network_path(trial))}")


def evaluate(
    network: NetworkFile,
    data: GivenData,
    data_root: DataRoot = None,
    download: Download = False,
    assignments: Assignments = None,
) -> None:
    """Measure a trained network on the test images of a data set."""
    check_is_file(network)
    from pckd.cli.given import data_changes, data_config, say_of_images
    from pckd.progress import Display
    from pckd.study.placement import this_device
    from pckd.training.evaluation import evaluate as evaluate_network
    from pckd.training.network_file import TrainedNetwork
    from pckd.training.run_data import check_classes, prepare_data, shown_to

    trained = TrainedNetwork.from_bytes(network.read_bytes(), str(network))
    changes = data_changes(data, data_root, download=download)
    config = shown_to(trained, data_config(changes, assignments, "evaluate"), Display().say)
    images = prepare_data(config, "paper")
    say_of_images(config, Display().say)
    check_classes(trained.class_names, images, str(network))
    device = this_device()
    Display().say(f"evaluating {trained.model} on {len(images.test)} images")
    accuracy = evaluate_network(
        trained.network(device), images.to(device).test, trained.mean, trained.std
    )
    measured = accuracy_text(accuracy.top1, accuracy.top5, images.num_classes)
    print(f"{measured} on {len(images.test)} images")
