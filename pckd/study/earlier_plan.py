"""The plan of a study that ran before plans were kept, made from its study file and its rows."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
from pydantic import ValidationError

from pckd.errors import InputError, first_line
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import read_spec
from pckd.study.plan import Planned, fixed_plan
from pckd.study.plan_table import plan_files, write_plan
from pckd.study.results import ResultsStore
from pckd.study.searched import Searched, searches
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.study.table_files import EARLIER_PLAN
from pckd.study.trial import Trial
from pckd.training.changes import written_out
from pckd.training.config import RunConfig
from pckd.training.identity import identity_values

MISSING = "?"
"""Prefix of the identity of a planned trial without a row: the code it was to run is unknown."""


def ensure_plan(storage: Storage, study: str) -> None:
    """Write the plan of a study that has kept none; a study whose plan is kept stays as it is.

    The newest row of each planned configuration and seed is taken, whatever code it ran. Nothing is
    written for a study whose file is not there or not valid today, for example because a plug-in is
    not installed: its rows are then shown as they are.

    Raises:
        InputError: The study's copy of its file is damaged, or the plan cannot be written.
    """
    if not _lacks_plan(storage, study):
        return
    store = ResultsStore(storage, study)
    values = read_spec(store)
    try:
        spec = validate(StudySpec, values, f"{study}/study.json") if values else None
        planned = [] if spec is None else _Recorded(spec, store.read("trials")).plan()
    except InputError:
        return
    if spec is None:
        return
    try:
        write_plan(storage, spec, planned, EARLIER_PLAN)
    except OSError as error:
        raise InputError(
            f"study {study} was kept without its plan, which cannot be added to {storage.root} "
            f"({error.strerror or first_line(error)}): copy the results to where you can write"
        ) from error


def _lacks_plan(storage: Storage, study: str) -> bool:
    """Return whether no plan was written, or only one that could not name all trials."""
    files = plan_files(storage, study)
    if files != [EARLIER_PLAN]:
        return not files
    trials = ResultsStore(storage, study).read("plan")["trial"]
    return bool(trials.str.startswith(MISSING, na=False).any())


class _Recorded:
    """The trials that a study's rows record, by what they computed."""

    def __init__(self, spec: StudySpec, rows: pd.DataFrame) -> None:
        self.spec = spec
        self.rows = rows.sort_values("updated")
        self.identities = dict(self._known())

    def plan(self) -> list[Planned]:
        """The plan, with the identities that its trials had when they ran."""
        if self.spec.search:
            return [item for each in searches(self.spec) for item in self._proposed(each)]
        return fixed_plan(self.spec, self._trial)

    def _known(self) -> Iterator[tuple[str, str]]:
        for text, identity in zip(self.rows["config"], self.rows["trial"], strict=True):
            try:
                yield _key(RunConfig.model_validate_json(text)), identity
            except ValidationError:
                continue  # a term or network that is not installed here

    def _trial(self, spec: StudySpec, case: str, changes: dict[str, Any], seed: int) -> Trial:
        changes = written_out(changes)
        config = spec.run_config({**changes, "seed": seed}, f"study {spec.study}, {case}")
        key = _key(config)
        return Trial(spec.study, case, changes, config, self.identities.get(key, MISSING + key))

    def _proposed(self, searched: Searched) -> Iterator[Planned]:
        position = 0
        for point in self._points(searched):
            changes = searched.changes(point)
            made = (
                self._trial(self.spec, searched.name(point), changes, seed)
                for seed in self.spec.seeds
            )
            trials = [trial for trial in made if not trial.identity.startswith(MISSING)]
            own = searched.without_pair(changes)
            yield from (Planned(trial, searched.pair, position, own) for trial in trials)
            position += bool(trials)

    def _points(self, searched: Searched) -> list[Point]:
        """The distinct configurations that the search could propose today, oldest first."""
        points: dict[str, Point] = {}
        for text in self.rows.sort_values("started")["changes"]:
            point = searched.point_in(json.loads(text))
            if searched.search.allows(point):
                points.setdefault(json.dumps(point, sort_keys=True), point)
        return list(points.values())


def _key(config: RunConfig) -> str:
    text = json.dumps(identity_values(config, config.loss.active), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:11]
