"""Conversion of trials, epochs and accuracies to table rows."""

import json
import platform
import socket
from collections.abc import Sequence
from typing import Any

import torch

from pckd.nested import leaves
from pckd.study.placement import Placement
from pckd.study.plan import Planned
from pckd.study.table_files import Row
from pckd.study.term_rows import term_rows
from pckd.study.trial import Trial
from pckd.training.code import code_of
from pckd.training.config import RunConfig
from pckd.training.evaluation import Accuracy
from pckd.training.record import EpochRecord
from pckd.training.run_data import RunData
from pckd.training.teachers import TeacherCard
from pckd.version import __version__


def config_columns(config: RunConfig) -> Row:
    """Flatten a configuration to the columns `config.*`."""
    values = leaves(config.model_dump(exclude={"loss"}), "config.")
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values
        if value is not None
    }


def placement_columns(placement: Placement) -> Row:
    """Device and host of a trial; known once its process has started."""
    return {
        "device": _device_name(placement.device),
        "host": socket.gethostname(),
        "workers": placement.group.size,
        "threads": placement.threads,
    }


def trial_columns(trial: Trial) -> dict[str, Any]:
    """Columns of a trial that are known before it starts."""
    config = trial.config
    return {
        "study": trial.study,
        "trial": trial.identity,
        "case": trial.case,
        "changes": json.dumps(trial.changes),
        "method": config.method,
        "terms": term_rows(config.loss.model_dump(mode="json")),
        "seed": config.seed,
        "epochs_planned": config.optimization.epochs,
        "evaluated_on": evaluated_on(config),
        "code_version": code_of(),
        "pckd": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "config": config.model_dump_json(),
        **config_columns(config),
    }


def plan_row(item: Planned) -> Row:
    """One pair, case and seed of a plan."""
    config = item.trial.config
    return {
        "study": item.trial.study,
        "trial": item.trial.identity,
        "pair": item.pair,
        "teacher_model": config.teacher.model if config.teacher else None,
        "student_model": config.student,
        "case": item.trial.case,
        "space": item.trial.space or None,
        "position": item.position,
        "seed": config.seed,
        "changes": json.dumps(item.changes),
        "is_default": item.is_default,
    }


def data_columns(
    data: RunData, teacher: TeacherCard | None, teacher_top1: float | None, notices: Sequence[str]
) -> Row:
    """Columns that are known once data and teacher are open.

    Args:
        data: The images of the run.
        teacher: Its teacher; None without one.
        teacher_top1: Of the teacher on the test images, in percent.
        notices: Sentences for the user.
    """
    doubts = []
    if teacher is not None and teacher_top1 is not None:
        doubts = _doubts(teacher, teacher_top1, len(data.test))
    return {
        "data_fingerprint": data.fingerprint,
        "train_images": len(data.train),
        "num_classes": data.num_classes,
        "teacher": None if teacher is None else teacher.hash,
        "teacher_test_top1": teacher_top1,
        "notices": "; ".join([*doubts, *notices]) or None,
    }


def _doubts(teacher: TeacherCard, top1: float, images: int) -> list[str]:
    if not teacher.is_at_chance(top1, images):
        return []
    return [
        f"the teacher is not better than chance: top-1 {top1:.2f} % on "
        f"{teacher.num_classes} classes"
    ]


def progress_columns(records: Sequence[EpochRecord]) -> Row:
    """Columns that summarise the epochs done so far."""
    if not records:
        return {"epochs_done": 0, "seconds": 0.0}
    best = max(records, key=lambda record: record.top1)
    return {
        "epochs_done": records[-1].epoch,
        "last_top1": records[-1].top1,
        "last_top5": records[-1].top5,
        "best_top1": best.top1,
        "best_epoch": best.epoch,
        "seconds": sum(record.seconds for record in records),
    }


def test_columns(accuracy: Accuracy) -> Row:
    """Columns of the one measurement on the test images."""
    return {"test_top1": accuracy.top1, "test_top5": accuracy.top5}


def epoch_row(trial: Trial, record: EpochRecord) -> Row:
    """Columns of one epoch."""
    return {
        "study": trial.study,
        "trial": trial.identity,
        "epoch": record.epoch,
        "evaluated_on": evaluated_on(trial.config),
        "top1": record.top1,
        "top5": record.top5,
        "loss_total": record.losses["total"],
        "terms": [
            {"term": name, "weight": weight, "loss": record.losses[name]}
            for name, weight in record.weights.items()
        ],
        "learning_rate": record.learning_rate,
        "threshold": record.threshold,
        "easy_share": record.easy_share,
        "easy_weight": record.easy_weight,
        "hard_weight": record.hard_weight,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
    }


def evaluated_on(config: RunConfig) -> str:
    """Name of the images that are evaluated after each epoch: holdout or test."""
    return "holdout" if config.protocol == "holdout" else "test"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
