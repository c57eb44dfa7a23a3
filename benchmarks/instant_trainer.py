"""A study of trials that write the rows of real ones and train nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.placement import Placement
from pckd.study.results import ResultsStore
from pckd.study.rows import epoch_row, placement_columns, progress_columns, trial_columns
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.record import EpochRecord

EPOCHS = 4
STUDY = "scale"
PLACEMENT = Placement(torch.device("cpu"), threads=1)


def large_study(trials: int) -> StudySpec:
    """A search of five hyperparameters with early stopping."""
    weights = {
        f"loss.{term}": {"low": 0.01, "high": 100.0, "log": True}
        for term in ("kd", "center_contrast", "feature_alignment", "center_alignment")
    }
    growth = {"preview.growth_rate": {"low": 1.0, "high": 1.05}}
    values = {
        "study": STUDY,
        "run": {
            "data": {"name": "digits", "classes": [0, 1], "images_per_class": 32},
            "student": "resnet8",
            "teacher": {"model": "resnet8", "optimization": {"epochs": 1}},
            "optimization": {"epochs": EPOCHS},
        },
        "search": {
            "trials": trials,
            "parameters": weights | growth,
            "stop": {"scheduler": "asha"},
        },
        "keep": "none",
    }
    return validate(StudySpec, values, "benchmark")


def reports(trial: Trial, storage: Storage) -> Iterator[dict[str, Any]]:
    """Reports of a trial to Ray Tune: each epoch, once its rows are written, and its status.

    The best weight of KD is 1: each factor of ten away costs 5 points.
    """
    store = ResultsStore(storage, trial.study)
    columns = {**trial_columns(trial), **placement_columns(PLACEMENT), "started": datetime.now(UTC)}
    records: list[EpochRecord] = []
    for epoch in range(1, EPOCHS + 1):
        records.append(
            _record(epoch, 80 + epoch - 5 * abs(np.log10(trial.config.loss["kd"].weight)))
        )
        rows = [epoch_row(trial, record) for record in records]
        store.write("epochs", trial.identity, rows)
        _write(store, trial, {**columns, **progress_columns(records), "status": "running"})
        yield {"epoch": epoch, "top1": records[-1].top1, "losses": records[-1].losses}
    _write(store, trial, {**columns, **progress_columns(records), "status": "completed"})
    yield {"status": "completed"}


def _record(epoch: int, top1: float) -> EpochRecord:
    shares = {"easy_share": 50.0, "easy_weight": 1.0, "hard_weight": 0.5}
    return EpochRecord(epoch, 0.1, 1.0, {"total": 1.0 / epoch}, {}, **shares, top1=top1, top5=100.0,
                       seconds=0.0, images_per_second=0.0)  # fmt: skip


def _write(store: ResultsStore, trial: Trial, row: dict[str, object]) -> None:
    store.write("trials", trial.identity, [{**row, "updated": datetime.now(UTC)}])
