"""`pckd data`: look at data sets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pckd.cli import completion
from pckd.cli.app import App
from pckd.cli.options import DataRoot, Download, Force, Json
from pckd.cli.output import print_rows, refuse_overwriting
from pckd.data.words import listed
from pckd.errors import InputError

if TYPE_CHECKING:
    from pckd.survey.survey import Survey

app = App()


@app.callback()
def data() -> None:
    """Look at data sets."""


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Data set, such as folder or cifar100.", autocompletion=completion.data_sets
        ),
    ],
    data_root: DataRoot = None,
    download: Download = False,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Resize to this height and width, as a run would.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Contact sheet to write; NAME-contact-sheet.png by default.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Check a data set: print its facts, and draw a contact sheet.

    The sheet has some images of each class. Every image is decoded. The command ends with 2 if a
    run would refuse the data set.
    """
    from pckd.survey.contact_sheet import draw_sheet
    from pckd.survey.survey import survey_data

    if sheet is not None:
        refuse_overwriting(sheet, force=force)
    survey = survey_data(name, data_root, download=download, image_size=image_size)
    file = sheet or Path(f"{name}-contact-sheet.png")
    draw_sheet(survey, image_size, file)
    if as_json:
        print(json.dumps(_content(survey, file), indent=2))
    else:
        _print(survey, file)
    if survey.problems:
        raise InputError(f"data set '{name}' cannot be used: {'; '.join(survey.problems)}")


def _content(survey: "Survey", sheet: Path) -> dict[str, Any]:
    return {
        "data": survey.data,
        "where": survey.where,
        "class_names": list(survey.class_names),
        "splits": [
            {
                "split": split.name,
                "images": len(split.facts),
                "images_of_class": list(split.counts),
                **{f"{part}s": split.tally(part) for part in ("size", "mode", "form")},
            }
            for split in survey.splits
        ],
        "problems": list(survey.problems),
        "oddities": list(survey.oddities),
        "contact_sheet": str(sheet),
    }


def _print(survey: "Survey", sheet: Path) -> None:
    print(f"{survey.data} in {survey.where}")
    print(f"{len(survey.class_names)} classes: {listed(survey.class_names)}")
    rows = [
        {
            "split": split.name,
            "images": len(split.facts),
            "fewest of a class": min(split.counts, default=0),
            "most": max(split.counts, default=0),
            "first": split.raw.names[0] if len(split.raw.names) else None,
            **{f"{part}s": _counts(split.tally(part)) for part in ("size", "mode", "form")},
        }
        for split in survey.splits
    ]
    print_rows(rows, as_json=False)
    for oddity in survey.oddities:
        print(f"look: {oddity}")
    print(f"contact sheet: {sheet}")


def _counts(tally: dict[str, int]) -> str:
    return listed([f"{value}: {count}" for value, count in tally.items()])
