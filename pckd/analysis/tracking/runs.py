"""Trials of a study as runs of an experiment tracker: parameters, metrics and tags."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.nested import leaves

ENDED = ("completed", "stopped", "failed")
"""Statuses of trials that become runs."""

BY_EPOCH = (
    *("top1", "top5", "loss_total", "learning_rate", "threshold", "easy_share", "easy_weight"),
    *("hard_weight", "seconds", "images_per_second"),
)
"""Columns of an epoch that become metrics, beside the loss of each term."""

AT_THE_END = (
    *("test_top1", "test_top5", "last_top1", "last_top5", "best_top1", "best_epoch"),
    *("teacher_test_top1", "epochs_done"),
)
"""Columns of a trial that become metrics of its last step."""


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One trial for a tracker."""

    study: str
    identity: str
    name: str
    status: str
    """completed, stopped or failed."""
    parameters: Mapping[str, str | int | float | bool]
    """The whole configuration, its keys as in a study file."""
    tags: Mapping[str, str]
    """Study, case, method, identity, status and updated: when the trial's row was written."""
    epochs: Sequence[Mapping[str, float]]
    """Metrics of each epoch, from the first."""
    results: Mapping[str, float]
    """Metrics of the whole trial."""
    started: datetime
    ended: datetime


def trial_runs(results: StudyResults) -> Iterator[TrialRun]:
    """The trials of a study that have ended, each once, in the order of the plan."""
    ended = results.trials[results.trials["status"].isin(ENDED)].drop_duplicates("trial")
    epochs = results.epochs.drop_duplicates(["trial", "epoch"]).sort_values("epoch")
    of_trial = dict(list(epochs.groupby("trial")))
    for row in ended.to_dict("records"):
        yield _run(results.name, row, of_trial.get(row["trial"], epochs.iloc[:0]))


def _run(study: str, row: Mapping[Any, Any], epochs: pd.DataFrame) -> TrialRun:
    losses = [name for name in map(str, epochs) if name.startswith("loss_")]
    named = {name: name.replace("_", ".", 1) for name in losses}
    named |= {name: name for name in BY_EPOCH}
    measured = epochs.reindex(columns=list(named)).rename(columns=named)
    return TrialRun(
        study=study,
        identity=row["trial"],
        name=f"{row['case']}, seed {row['seed']}",
        status=row["status"],
        parameters=_parameters(row["settings"]),
        tags={
            "study": study,
            "identity": row["trial"],
            "updated": row["updated"].isoformat(),
            **{key: str(row[key]) for key in ("pair", "case", "method", "status") if row[key]},
        },
        epochs=[_known(epoch) for epoch in measured.to_dict("records")],
        results=_known({key: row[key] for key in AT_THE_END}),
        started=row["started"].to_pydatetime(),
        ended=row["updated"].to_pydatetime(),
    )


def _known(values: Mapping[Any, Any]) -> dict[str, float]:
    return {str(key): float(value) for key, value in values.items() if pd.notna(value)}


def _parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a configuration by their dotted keys; lists as JSON, unset ones left out."""
    return {
        key: json.dumps(value) if isinstance(value, list) else value
        for key, value in leaves(settings)
        if value is not None
    }
