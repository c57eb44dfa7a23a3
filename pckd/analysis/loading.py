"""A study's rows, ready for analysis: those of its present plan, the newest of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from pckd.analysis.pairs import beside_every_teacher, own_changes, pair_name
from pckd.analysis.pictures import StudyPictures, load_pictures
from pckd.analysis.planned import (
    defaults,
    effective,
    fits_newest,
    is_planned,
    planned_trials,
    position,
)
from pckd.analysis.settings import canonical, short_keys
from pckd.storage import Storage
from pckd.study.results import open_study

Kind = Literal["cases", "grid", "vary_one", "search", "single"]
DEFAULT_CASE = "default"
"""Name of the case of a vary_one study that changes nothing."""


@dataclass(frozen=True, slots=True)
class StudyResults:
    """What the store holds of one study.

    Frames have the store's columns (`pckd.study.schema`) and those named here.
    """

    name: str
    spec: Mapping[str, Any]
    """The study file; empty where none was kept."""
    trials: pd.DataFrame
    """One row a pair, case and seed: a student that learns without a teacher stands beside each
    teacher of the pairs. Also `settings` (the configuration as a dict), `changed` (dict: what the
    case changes; of vary_one only what differs from the default), `pair` (teacher and student where
    the study lists pairs, else empty) and `position` (of the case among these, in the order of the
    plan, from 0). Sorted by pair, position and seed."""
    epochs: pd.DataFrame
    """Of these trials; also `case`, `pair`, `position`, `seed` and `status`."""
    probes: pd.DataFrame
    """Of these trials, and of teachers; also `pair` and `position`."""
    pictures: StudyPictures
    """What was kept of some students."""
    replaced_rows: int
    """Older rows of the same configuration and seed, left out."""
    unplanned_rows: int
    """Rows of earlier plans, left out."""
    planned_trials: int | None
    """Trials of the whole plan (of a search, at most); None where the plan is not known."""

    @property
    def kind(self) -> Kind:
        """The kind of plan."""
        kinds: tuple[Kind, ...] = ("cases", "grid", "vary_one", "search")
        return next((kind for kind in kinds if self.spec.get(kind)), "single")

    @property
    def scale(self) -> str:
        """The scale of its trials: full, or smoke for a small run that shows that all works."""
        return str(self.spec.get("run", {}).get("scale", "full"))

    @property
    def source(self) -> str:
        """The table or figure that the study reproduces; empty if none, or `none; ...`."""
        text = str(self.spec.get("source", ""))
        return "" if text.lower().startswith("none") else text

    @property
    def completed(self) -> pd.DataFrame:
        """The trials that spent their full budget and were tested."""
        return self.trials[self.trials["status"] == "completed"]


def load_study(storage: Storage, name: str) -> StudyResults:
    """Read a study from the results store.

    Of each configuration (where its images lie does not count) and seed only the row that was
    updated last is kept; rows that the study's file no longer plans are left out.

    Raises:
        InputError: There is no study of that name.
    """
    store = open_study(storage, name)
    document = store.read_document("study.json")
    spec: dict[str, Any] = (
        short_keys(document.get("spec", {})) if isinstance(document, dict) else {}
    )
    rows = _parsed(store.read("trials"), spec)
    planned = _planned(rows, spec)
    newest = _newest(planned)
    default = defaults(spec, newest) if spec else {}
    trials = _placed(newest, spec, default)
    return StudyResults(
        name=name,
        spec=spec,
        trials=trials,
        epochs=_epochs(store.read("epochs"), trials),
        probes=_probes(store.read("probes"), trials),
        pictures=load_pictures(storage, name, spec, trials),
        replaced_rows=planned["trial"].nunique() - newest["trial"].nunique(),
        unplanned_rows=rows["trial"].nunique() - planned["trial"].nunique(),
        planned_trials=planned_trials(spec, default) if spec else None,
    )


def _parsed(rows: pd.DataFrame, spec: Mapping[str, Any]) -> pd.DataFrame:
    settings = _objects([json.loads(text) for text in rows["config"]])
    rows = rows.assign(
        changes=[json.dumps(short_keys(json.loads(text))) for text in rows["changes"]]
    )
    rows = beside_every_teacher(rows.assign(settings=settings), spec)
    changes = [json.loads(text) for text in rows["changes"]]
    return rows.assign(
        changed=_objects([own_changes(item, spec) for item in changes]),
        pair=_objects([pair_name(item) if spec.get("pairs") else "" for item in changes]),
    )


def _objects(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values, dtype=object)


def _planned(rows: pd.DataFrame, spec: Mapping[str, Any]) -> pd.DataFrame:
    if not spec or rows.empty:
        return rows
    keep = [
        is_planned(json.loads(changes), settings, spec)
        for changes, settings in zip(rows["changes"], rows["settings"], strict=True)
    ]
    rows = rows[pd.Series(keep, index=rows.index)]
    return rows[fits_newest(rows)]


def _newest(rows: pd.DataFrame) -> pd.DataFrame:
    identity = rows["settings"].map(lambda settings: canonical(settings, with_seed=True))
    ordered = rows.assign(identity=identity).sort_values("updated", kind="stable")
    newest = ordered.drop_duplicates("identity", keep="last").drop(columns="identity")
    return newest.sort_values("started", kind="stable").reset_index(drop=True)


def _placed(
    trials: pd.DataFrame, spec: Mapping[str, Any], default: Mapping[str, Any]
) -> pd.DataFrame:
    """The trials with their places in the plan, in its order."""
    named = _named(trials, spec, default)
    pairs = [pair_name(pair) for pair in spec.get("pairs", ())]
    order = [pairs.index(pair) if pair in pairs else 0 for pair in named["pair"]]
    placed = named.assign(pair_order=pd.Series(order, dtype=int))
    placed = placed.sort_values(["pair_order", "position", "seed"], kind="stable")
    dense = placed["position"].rank(method="dense").astype(int) - 1
    return placed.assign(position=dense).drop(columns="pair_order").reset_index(drop=True)


def _named(
    trials: pd.DataFrame, spec: Mapping[str, Any], default: Mapping[str, Any]
) -> pd.DataFrame:
    """The trials with the names and places that the study file gives their cases now."""
    if not spec:
        case = _distinct_names(trials)
        first_seen = case.drop_duplicates().tolist()
        places = [first_seen.index(name) for name in case]
        return trials.assign(case=case, position=pd.Series(places, dtype=int))
    changed = trials["changed"].tolist()
    names = trials["case"].tolist()
    if spec.get("vary_one"):
        changed = [effective(item, default) for item in changed]
        names = [name if item else DEFAULT_CASE for name, item in zip(names, changed, strict=True)]
    places = [position(item, spec) or 0 for item in changed]
    if spec.get("cases"):
        names = [list(spec["cases"])[place] for place in places]
    return trials.assign(
        changed=_objects(changed), case=_objects(names), position=pd.Series(places, dtype=int)
    )


def _distinct_names(trials: pd.DataFrame) -> "pd.Series[Any]":
    """Different configurations of one name, told apart by the identity of their first trial."""
    own = trials["settings"].map(lambda settings: canonical(settings, with_seed=False))
    several = own.groupby(trials["case"]).transform("nunique") > 1
    first = trials["trial"].groupby(own).transform("first")
    return trials["case"].astype(object).mask(several, trials["case"] + " " + first)


def _epochs(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    columns = ["case", "pair", "position", "seed", "status", "order"]
    merged = _joined(_wide(rows), trials.assign(order=trials.index), columns, how="inner")
    ordered = merged.sort_values(["order", "epoch"])
    return ordered.drop(columns="order").reset_index(drop=True)


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `loss_TERM` for each term that some row has."""
    losses = [
        {f"loss_{entry['term']}": entry["loss"] for entry in entries} for entries in _lists(rows)
    ]
    return rows.drop(columns="terms").join(pd.DataFrame(losses, index=rows.index, dtype=float))


def _lists(rows: pd.DataFrame) -> list[list[dict[str, Any]]]:
    return [[] if entries is None else list(entries) for entries in rows["terms"]]


def _joined(
    rows: pd.DataFrame, trials: pd.DataFrame, columns: list[str], how: Literal["inner", "left"]
) -> pd.DataFrame:
    """Rows with columns of their trials; as objects, since pandas cannot join empty text."""
    right = trials[["trial", *columns]].astype({"trial": object})
    return rows.astype({"trial": object}).merge(right, on="trial", how=how)


def _probes(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Probes of the kept students, of teachers of their architectures, and of given networks."""
    teachers = {item["teacher"]["model"] for item in trials["settings"] if item["teacher"]}
    is_student, is_teacher = rows["role"] == "student", rows["role"] == "teacher"
    wanted = is_student & rows["trial"].isin(trials["trial"])
    wanted |= is_teacher & rows["model"].isin(teachers)
    kept = rows[wanted | (rows["role"] == "network")]
    network = kept["network"].mask(is_student, kept["trial"]).mask(is_teacher, kept["model"])
    ordered = kept.assign(probed=network).sort_values("updated", kind="stable")
    same = ["role", "probed", "data", "classes", "train_images", "protocol", "seed"]
    newest = ordered.drop_duplicates(same, keep="last").drop(columns=["probed", "case"])
    placed = _joined(newest, trials, ["position", "pair", "case"], how="left")
    return placed.sort_values(["role", "position", "student_seed", "seed"], kind="stable")
