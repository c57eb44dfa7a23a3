"""`pckd teacher`: train, import and list teachers."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pckd.cli import completion
from pckd.cli.app import App
from pckd.cli.options import (
    Architecture,
    Assignments,
    DataName,
    DataRoot,
    Download,
    GivenData,
    Json,
    Results,
)
from pckd.cli.output import accuracy_text, print_rows
from pckd.errors import InputError

if TYPE_CHECKING:
    from pckd.training.teachers import TeacherCard

app = App()


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="Architecture.", autocompletion=completion.networks)],
    data: DataName = None,
    data_root: DataRoot = None,
    download: Download = False,
    assignments: Assignments = None,
    results: Results = "results",
) -> None:
    """Train a teacher with plain cross entropy, and keep it."""
    from pckd.cli.given import data_changes, run_config

    images = data_changes(data, data_root, download=download)
    config = run_config({"method": "cross_entropy", "student": model, **images}, assignments)
    from pckd.distributed.one_run import teacher_once
    from pckd.progress import Display
    from pckd.storage import Storage

    card = teacher_once(config, Storage(results), Display())
    print(f"teacher {card.short_hash}: {card.model}, top-1 {card.test_top1:.2f} % on test images")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="Checkpoint of other code, such as RepDistiller.")],
    architecture: Architecture,
    data: GivenData,
    weights: Annotated[
        str, typer.Option("--weights", help="Weights to take of several, such as state_dict_ema.")
    ] = "",
    data_root: DataRoot = None,
    download: Download = False,
    assignments: Assignments = None,
    class_names: Annotated[
        Path | None,
        typer.Option(help="File with the classes in the checkpoint's order, such as wnids.txt."),
    ] = None,
    results: Results = "results",
) -> None:
    """Measure a published network, and keep it as a teacher."""
    from pckd.cli.given import data_changes, data_config, say_of_images
    from pckd.progress import Display
    from pckd.storage import Storage
    from pckd.study.placement import this_device
    from pckd.training.importing import import_teacher
    from pckd.training.published import published_accuracies
    from pckd.training.teachers import TeacherStore

    changes = data_changes(data, data_root, download=download)
    config = data_config(changes, assignments, "teacher import")
    store = TeacherStore(Storage(results))
    names = None if class_names is None else _read_names(class_names)
    card, accuracy, images, reordered = import_teacher(
        file, architecture, config, store, this_device(), Display().say, names, weights=weights
    )
    say_of_images(config, Display().say)
    measured = accuracy_text(accuracy.top1, accuracy.top5, card.num_classes)
    print(f"{card.model}: {measured} on {images} images")
    if reordered is not None:
        print(
            f"not better than chance, which is {card.chance:.2f} % on {card.num_classes} classes; "
            f"with its classes in another order it could be {reordered:.2f} %: if the order is "
            "not that of the images, give it with --class-names"
        )
    published = published_accuracies(card.model, card.data, card.num_classes)
    _compare(accuracy.top1, published, card)
    print(f"kept as teacher {card.short_hash} in {store.storage.root}; in a study file:")
    print(f"  teacher: {{model: {card.model}, hash: {card.hash}}}")


def _read_names(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the class names in {file} cannot be read: {error}") from None
    return [line.strip() for line in lines if line.strip()]


def _compare(top1: float, published: dict[str, float], card: "TeacherCard") -> None:
    """Print the measured accuracy beside the published ones."""
    from pckd.training.published import TOLERANCE

    if not published:
        print(f"no published accuracy of {card.model} on {card.data} as selected is known")
        return
    rows = [
        {"published by": source, "top1": value, "difference": f"{top1 - value:+.2f}"}
        for source, value in published.items()
    ]
    print_rows(rows, as_json=False)
    if all(abs(top1 - value) > TOLERANCE for value in published.values()):
        print(
            f"more than {TOLERANCE} points away from every published accuracy: check the network "
            "and the images"
        )


@app.command("list")
def list_teachers(results: Results = "results", as_json: Json = False) -> None:
    """List the teachers; --json shows everything known of them."""
    from pckd.storage import Storage
    from pckd.training.teachers import TeacherStore

    cards = TeacherStore(Storage(results)).cards()
    rows = [
        {
            "hash": card.short_hash,
            "model": card.model,
            "data": card.data,
            "classes": card.num_classes,
            "top1": card.test_top1,
            "origin": card.origin,
        }
        for card in cards
    ]
    print_rows([asdict(card) for card in cards] if as_json else rows, as_json=as_json)
