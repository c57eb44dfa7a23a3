"""The identity of a run: what it computes, on which images, with which code, from which seed.

Two configurations that compute the same have one identity, however they are written.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from pckd.data import is_streamed as data_is_streamed
from pckd.training.code import code_of
from pckd.training.config import PLACE, RunConfig, TeacherConfig
from pckd.training.run_data import prepare_data
from pckd.training.task import fitting_terms, task_of

HELD_OUT = frozenset({"holdout_fraction", "holdout_seed"})
"""The keys of `DataConfig` that matter where images are held out."""

THRESHOLDED = frozenset({"preview", "curriculum"})
"""The strategies that read the threshold of Eq. 7."""

TEACHER_DIGITS = 8
"""Digits of a teacher's hash that count: those that every way of writing it has."""

ABSENT = "absent"
"""A field that is added to the settings of runs declares by `json_schema_extra={"absent": VALUE}`
the value that earlier runs stand for. At that value it does not count, so they keep their
identities."""

DIGITS = 12
"""Hexadecimal digits of an identity: 48 bits, enough to tell millions of trials apart."""


def run_identity(config: RunConfig) -> str:
    """The identity of a run: 12 hexadecimal digits.

    Raises:
        InputError: The data set cannot be opened, or a term does not suit the networks.
    """
    data = prepare_data(config.data, config.protocol)
    terms, _ = fitting_terms(config.loss, task_of(config, data))
    networks = [config.student]
    if config.teacher is not None and config.needs_teacher:
        networks.append(config.teacher.model)
    content = {
        "run": identity_values(config, terms),
        "images": [data.fingerprint, *data.mean, *data.std],
        "code": code_of(terms=terms, networks=networks, prepares=bool(config.loss.prepared)),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def identity_values(config: RunConfig, terms: Collection[str]) -> dict[str, Any]:
    """The settings that a run reads.

    Args:
        config: The run.
        terms: Names of the terms that are on and suit its networks.
    """
    teacher = config.teacher if config.needs_teacher else None
    is_streamed = config.data.image_size is None and data_is_streamed(config.data.name)
    is_banked = teacher and not is_streamed and not config.loss.needs.beyond_a_bank
    unread = PLACE if config.protocol == "holdout" else PLACE | HELD_OUT
    return {
        "data": _counted(config.data, unread),
        "student": config.student,
        "teacher": None if teacher is None else _teacher_values(teacher),
        "loss": {name: config.loss[name].model_dump(mode="json") for name in terms},
        "preview": _preview_values(config, terms),
        "views": _counted(config.views),
        "optimization": _counted(config.optimization),
        "protocol": config.protocol,
        "scale": config.scale,
        "seed": config.seed,
        "bank": bool(config.bank and is_banked),
    }


def _teacher_values(teacher: TeacherConfig) -> dict[str, Any]:
    if teacher.hash is not None:
        return {"model": teacher.model, "hash": teacher.hash[:TEACHER_DIGITS]}
    return _counted(teacher, frozenset({"hash"}))


def _preview_values(config: RunConfig, terms: Collection[str]) -> dict[str, Any] | None:
    """Weighting of samples; None if no sample is weighted."""
    preview, weighted = config.preview, sorted({*config.preview.applies_to} & {*terms})
    if preview.strategy == "none" or not weighted:
        return None
    unread = {"applies_to"} if preview.strategy in THRESHOLDED else {"applies_to", "growth_rate"}
    return {**_counted(preview, frozenset(unread)), "applies_to": weighted}


def _counted(settings: BaseModel, unread: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The values of settings, without what is not read and what earlier runs did not have."""
    values = settings.model_dump(mode="json", exclude=set(unread))
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and ABSENT in extra and values.get(name) == extra[ABSENT]:
            values.pop(name, None)
    for name in values:
        if isinstance(getattr(settings, name), BaseModel):
            values[name] = _counted(getattr(settings, name))
    return values
