"""`pckd teacher`: train and list teachers."""

from dataclasses import asdict
from typing import Annotated

import typer

from pckd.cli.options import Assignments, DataName, DataRoot, Json, Results
from pckd.cli.output import print_rows
from pckd.cli.run import run_config
from pckd.progress import Display
from pckd.storage import Storage
from pckd.training.teachers import TeacherStore

app = typer.Typer(no_args_is_help=True)

PLAIN = {
    "loss.kd": 0.0,
    "loss.center_contrast": 0.0,
    "loss.feature_alignment": 0.0,
    "loss.center_alignment": 0.0,
    "preview.strategy": "none",
}
"""What makes a run a teacher's: cross entropy alone."""


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="Architecture.")],
    data: DataName = None,
    data_root: DataRoot = None,
    assignments: Assignments = None,
    results: Results = "results",
) -> None:
    """Train a teacher with plain cross entropy and keep it below the results root."""
    changes = {**PLAIN, "student": model, "data": data, "data.root": data_root}
    config = run_config(changes, assignments)
    from pckd.distributed.single import teacher_once

    card = teacher_once(config, Storage(results), Display())
    print(f"teacher {card.hash[:12]}: {card.model}, top-1 {card.test_top1:.2f} % on test images")


@app.command("list")
def list_teachers(results: Results = "results", as_json: Json = False) -> None:
    """List the teachers below a results root."""
    cards = [asdict(card) for card in TeacherStore(Storage(results)).cards()]
    print_rows(cards, as_json=as_json)
