"""The pictures stage: its students, and those that still need a file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pckd.errors import InputError
from pckd.near_misses import near_misses
from pckd.storage import Storage
from pckd.study.paths import network_path
from pckd.study.pictures.config import PictureStage
from pckd.study.pictures.content import make_pictures, picture_labels
from pckd.study.pictures.file import picture_path, read_pictures, shows
from pckd.study.plan import cases
from pckd.study.ranking import best_first, ran
from pckd.study.results import ResultsStore
from pckd.study.searched import Searched, searches
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial
from pckd.training.network_path import kept_path
from pckd.training.run_data import prepare_data

Rows = Mapping[str, Mapping[str, Any]]
"""Rows of trials, by identity."""


@dataclass(frozen=True, slots=True)
class PictureTask:
    """One student to be pictured."""

    trial: Trial
    teacher: str | None
    """Content hash; None of a student that had no teacher."""
    network: str | None
    """Content hash of the student; None where the row of its trial does not say."""
    stage: PictureStage

    @property
    def path(self) -> str:
        """Path of the file that the task writes, below the results root."""
        return picture_path(self.trial.study, self.trial.identity)

    def __str__(self) -> str:
        """Label of the task for people."""
        return f"pictures of {self.trial}"

    def run(self, storage: Storage, device: torch.device, threads: int) -> None:
        """Compute the student's pictures and write the file; see `make_pictures`."""
        make_pictures(self.trial, self.teacher, self.stage, storage, device, threads)


def check_pictures(spec: StudySpec) -> None:
    """Find what is wrong with the stage before any training.

    Raises:
        InputError: The study file names a case, a seed or a class that is not there.
    """
    stage = spec.pictures
    if stage is None:
        return
    _check_names(spec, stage)
    trials = [] if spec.search else _planned(spec, stage)
    configs = [trial.config for trial in trials] or [spec.base_run(f"study {spec.study}")]
    for config in configs:
        picture_labels(stage, prepare_data(config.data, config.protocol))


def picture_tasks(spec: StudySpec, storage: Storage) -> list[PictureTask]:
    """List the students to picture, as far as their trials are completed.

    Raises:
        InputError: As `check_pictures`, or a student was not kept.
    """
    stage = spec.pictures
    if stage is None:
        return []
    _check_names(spec, stage)
    read = ResultsStore(storage, spec.study).read_table("trials").to_pylist()
    rows = {row["trial"]: row for row in read}
    if spec.search:
        looked_at = [each for each in searches(spec) if each.case in (stage.cases or [each.case])]
        trials = [trial for each in looked_at for trial in _best_of(spec, each, stage, rows)]
    else:
        done = {identity for identity, row in rows.items() if row["status"] == "completed"}
        trials = [trial for trial in _planned(spec, stage) if trial.identity in done]
    for trial in trials:
        if not storage.exists(kept_path(storage, network_path(trial))):
            raise InputError(
                f"pictures need the students, but {storage.root} holds no {network_path(trial)}: "
                "set keep to last or best and run the study with --fresh"
            )
    return [_task(trial, rows[trial.identity], stage) for trial in trials]


def _task(trial: Trial, row: Mapping[str, Any], stage: PictureStage) -> PictureTask:
    return PictureTask(trial, row["teacher"], row["network"], stage)


def missing_pictures(storage: Storage, tasks: Iterable[PictureTask]) -> list[PictureTask]:
    """List the tasks that have no readable file of the same student with the same settings."""
    return [task for task in tasks if not _is_made(task, storage)]


def _is_made(task: PictureTask, storage: Storage) -> bool:
    try:
        arrays = read_pictures(storage, task.path)
    except (FileNotFoundError, InputError):
        return False
    has_settings = json.loads(str(arrays["settings"])) == task.stage.content()
    return has_settings and shows(arrays, task.network)


def _check_names(spec: StudySpec, stage: PictureStage) -> None:
    if stage.seed is not None and stage.seed not in spec.seeds:
        seeds = ", ".join(map(str, spec.seeds))
        raise InputError(f"pictures.seed: {stage.seed} is no seed of the study; seeds: {seeds}")
    if stage.cases and spec.search and not spec.cases:
        raise InputError("pictures.cases: a search has no named cases: its best is looked at")
    known = list(_cases_of_first_pair(spec))
    for name in stage.cases or ():
        if name not in known:
            raise InputError(
                f"pictures.cases: {name!r} is no case{near_misses(name, known)}; "
                f"cases: {', '.join(known)}"
            )


def _planned(spec: StudySpec, stage: PictureStage) -> list[Trial]:
    """List the trials of a plan without a search that the stage pictures."""
    known = _cases_of_first_pair(spec)
    names = stage.cases or (known if spec.cases else list(known)[:1])
    seed = _seed(spec, stage)
    return [make_trial(spec, name, known[name], seed) for name in names]


def _cases_of_first_pair(spec: StudySpec) -> dict[str, dict[str, Any]]:
    """Changes of each case in the run, with the first pair; without cases that it leaves out."""
    left_out = spec.pairs[0].without if spec.pairs else ()
    return {
        name: {**changes, **spec.pair_changes(name)[0]}
        for name, changes in cases(spec)
        if name not in left_out
    }


def _best_of(spec: StudySpec, searched: Searched, stage: PictureStage, rows: Rows) -> list[Trial]:
    """Select the best configuration, if one is completed."""
    found = {
        changes: _trials_of(spec, searched, json.loads(changes), case)
        for changes, case in {row["changes"]: row["case"] for row in rows.values()}.items()
    }
    runs = {
        changes: [ran(rows[trial.identity]) for trial in trials.values() if trial.identity in rows]
        for changes, trials in found.items()
    }
    best = best_first(runs, len(spec.seeds))[:1]
    return [found[changes][_seed(spec, stage)] for changes in best]


def _trials_of(
    spec: StudySpec, searched: Searched, changes: dict[str, Any], case: str
) -> dict[int, Trial]:
    """Look up the trials of a configuration by seed; none if the search no longer allows it."""
    if not searched.has_proposed(changes):
        return {}
    return {seed: make_trial(spec, case, changes, seed) for seed in spec.seeds}


def _seed(spec: StudySpec, stage: PictureStage) -> int:
    return spec.seeds[0] if stage.seed is None else stage.seed
