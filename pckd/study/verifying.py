"""Verification of a results store: some trials are run again and compared with their rows."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.names import REPEATS
from pckd.study.planned_rows import planned_frame
from pckd.study.repeat import repeat_trial
from pckd.study.results import ResultsStore, open_study

MACHINE = ("device", "host", "workers", "threads", "torch", "python")
"""Columns of a trial that may explain other numbers."""

OUTCOME = ("last_top1", "last_top5", "best_top1", "best_epoch", "test_top1", "test_top5")
"""Columns of a trial that follow from its configuration."""

BY_EPOCH = ("top1", "top5", "loss_total", "terms", "learning_rate", "threshold", "easy_share")
"""Columns of an epoch that do."""


@dataclass(frozen=True, slots=True)
class Check:
    """A stored trial beside its repetition."""

    trial: str
    case: str
    seed: int
    differences: tuple[str, ...]
    """Numbers that are not bit-equal, a sentence each."""
    machine: tuple[str, ...]
    """Differences between the machines, which may explain it."""
    refusal: str = ""
    """Reason why the trial cannot be repeated; empty where it was."""

    @property
    def is_unexplained(self) -> bool:
        """Return whether repeating failed, or gave other numbers on the same machine."""
        return bool(self.refusal) or (bool(self.differences) and not self.machine)

    def __str__(self) -> str:
        """The result in one line."""
        who = f"{self.trial} ({self.case}, seed {self.seed})"
        if self.refusal:
            return f"{who}: {self.refusal}"
        if not self.differences:
            return f"{who}: bit-equal"
        more = f", and {len(self.differences) - 1} more" if len(self.differences) > 1 else ""
        why = "; ".join(self.machine) or "the machine does not explain it"
        return f"{who}: {self.differences[0]}{more}; {why}"


def verify_study(
    study: str,
    storage: Storage,
    count: int,
    seed: int,
    on_check: Callable[[Check], None] = lambda check: None,
) -> list[Check]:
    """Train some completed trials of a study's plan again, drawn at random, in this process.

    Args:
        study: Its name.
        storage: The results root; repetitions land in its study `repeats`.
        count: Trials to draw; all of them if there are no more.
        seed: Of the draw.
        on_check: Called after each.

    Raises:
        InputError: There is no such study, or none of its trials completed.
    """
    rows = planned_frame(open_study(storage, study))
    completed = rows[rows["status"] == "completed"].sort_values("trial").to_dict("records")
    if not completed:
        raise InputError(f"study {study} has no completed trial to verify")
    drawn = random.Random(seed).sample(completed, min(count, len(completed)))
    checks = []
    for row in drawn:
        checks.append(_check(study, storage, str(row["trial"]), row))
        on_check(checks[-1])
    return checks


def _check(study: str, storage: Storage, trial: str, row: dict[Any, Any]) -> Check:
    place = trial, str(row["case"]), int(row["seed"])
    try:
        repeat_trial(study, trial, storage)
    except InputError as error:
        return Check(*place, (), (), str(error))
    stored, again = ResultsStore(storage, study), ResultsStore(storage, REPEATS)
    before, after = stored.row("trials", trial), again.row("trials", trial)
    differences = [
        *_epochs(stored.read_one("epochs", trial), again.read_one("epochs", trial)),
        *_outcome(before, after),
    ]
    machine = [
        f"{name} was {before[name]}, is {after[name]}"
        for name in MACHINE
        if before[name] != after[name]
    ]
    return Check(*place, tuple(differences), tuple(machine))


def _epochs(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    first, second = _by_epoch(before), _by_epoch(after)
    return [
        f"epoch {epoch}, {name}: stored {_short(first.get((epoch, name)))}, again "
        f"{_short(second.get((epoch, name)))}"
        for epoch, name in sorted(first.keys() | second.keys())
        if first.get((epoch, name)) != second.get((epoch, name))
    ]


def _by_epoch(rows: pd.DataFrame) -> dict[tuple[int, str], str]:
    """Each number as text that tells any two apart, by epoch and column."""
    return {
        (int(row["epoch"]), name): json.dumps(row[name], default=list)
        for row in rows.to_dict("records")
        for name in BY_EPOCH
    }


def _outcome(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    names = [*OUTCOME, *(["network"] if before["network"] and after["network"] else [])]
    return [
        f"{name}: stored {before[name]}, again {after[name]}"
        for name in names
        if before[name] != after[name]
    ]


def _short(text: str | None) -> str:
    return "none" if text is None else text if len(text) <= 60 else f"{text[:57]}..."
