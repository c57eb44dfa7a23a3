"""Runs in Weights & Biases: on its server, or as files for `wandb sync`."""

import os
from pathlib import Path

from pckd.analysis.tracking.runs import TrialRun
from pckd.errors import InputError

MARK = "pckd-updated.txt"
"""File beside a run that says which state of its trial was written; it comes after all others."""


class WandbTracker:
    """The project of a study in Weights & Biases.

    A run's id is its trial's identity, so that one which is written or synchronised twice is the
    same run. Nothing is sent unless WANDB_MODE is `online`: the files lie in the folder.

    Args:
        study: Its name, which the project has too.
        place: Folder in which the folder `wandb` is made; by default as WANDB_DIR says, or here.

    Raises:
        InputError: The package is not installed, or the place is an address.
    """

    def __init__(self, study: str, place: str | None) -> None:
        try:
            from wandb import Settings, init
        except ImportError:
            raise InputError("wandb is not installed: pip install 'pckd[wandb]'") from None
        if place and "://" in place:
            raise InputError(f"{place}: wandb takes a folder; its server stands in WANDB_BASE_URL")
        self.init = init
        self.settings = Settings(silent=True, console="off", disable_git=True)
        self.folder = Path(place or os.environ.get("WANDB_DIR") or ".").absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mode = os.environ.get("WANDB_MODE", "offline")

    def holds(self, run: TrialRun) -> bool:
        """Return whether the folder has a run as it is now."""
        marks = self.folder.glob(f"wandb/*run-*-{run.identity}/files/{MARK}")
        return any(mark.read_text(encoding="utf-8") == run.tags["updated"] for mark in marks)

    def log(self, run: TrialRun) -> None:
        """Write a run; its earlier state goes on where its epochs end."""
        made = self.init(
            project=run.study,
            id=run.identity,
            name=run.name,
            group=run.tags["case"],
            job_type=run.tags["method"],
            tags=[run.status],
            config={**run.parameters, **run.tags},
            dir=str(self.folder),
            mode=self.mode,
            resume="allow",
            settings=self.settings,
        )
        for step, epoch in enumerate(run.epochs, start=1):
            made.log(dict(epoch), step=step)
        made.summary.update(dict(run.results))
        mark = Path(made.dir, MARK)
        made.finish(exit_code=int(run.status == "failed"))
        mark.write_text(run.tags["updated"], encoding="utf-8")
