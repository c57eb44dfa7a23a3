"""The planned rows of a study, ready for analysis, with their places in the plan."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from pckd.analysis.joining import epochs_of, placed_trials, plan_from_rows, probes_of
from pckd.analysis.pictures import StudyPictures, load_pictures
from pckd.analysis.terms import Labels, labels_of
from pckd.storage import Storage
from pckd.study.document import read_carried, read_groups, read_power, read_spec
from pckd.study.names import confirm_name
from pckd.study.planned_rows import planned_frame
from pckd.study.results import ResultsStore, open_study
from pckd.study.table_files import EARLIER_PLAN

Kind = Literal["cases", "grid", "vary_one", "search", "single"]
DEFAULT_CASE = "default"
"""Name of the case of a vary_one study that changes nothing."""


@dataclass(frozen=True, slots=True)
class StudyResults:
    """Results of one study.

    Frames have the store's columns (`pckd.study.schema`) and those named here.
    """

    name: str
    spec: Mapping[str, Any]
    """The study file; empty where none was kept."""
    groups: Mapping[str, frozenset[str]]
    """Names that methods give to several terms together."""
    left_out: pd.DataFrame
    """The plan's cells that a pair is without: columns pair, case and position."""
    trials: pd.DataFrame
    """One row per planned pair, case and seed that has started: a student that learns without a
    teacher stands beside each teacher of the pairs. Case, pair, position, teacher_model and
    student_model are the plan's. Also `settings` (the configuration as a dict) and `changed` (dict:
    what the case changes; of vary_one only what differs from the default). In the order of the
    plan."""
    epochs: pd.DataFrame
    """Epochs of these trials; also `case`, `pair`, `position`, `seed` and `status`, and for `terms`
    the columns `loss_TERM` and `weight_TERM`.
    """
    probes: pd.DataFrame
    """Probes of these trials, and of teachers; also `pair` and `position`."""
    pictures: StudyPictures
    """Pictures that were kept of some students."""
    verdicts: pd.DataFrame
    """Verdicts on cases that were compared until it was clear, as in the store; where it compares
    none, those of the study that confirms it."""
    confirming: pd.DataFrame
    """Trials of the study that confirms it, as in the store; empty if there is none."""
    power: Sequence[str]
    """Sentences about the differences that the planned seeds can show."""
    carried: Mapping[str, Sequence[Mapping[str, Any]]]
    """Points of other studies that its search tried first, by the case searched."""
    unplanned_rows: int
    """Rows of earlier plans, code or images, left out."""
    planned_trials: int | None
    """Trials of the whole plan (of a search, at most); None where the plan is not known."""
    mixed_codes: int
    """Code versions of trials that no plan holds to one; 0 where the plan does."""
    space: str = ""
    """The case whose search alone this is; empty where it is the whole study."""
    slug: str = ""
    """Its name in names of files."""

    @property
    def labels(self) -> Labels:
        """The short name of each term, for tables and figures."""
        return labels_of(self.trials["terms"])

    @property
    def kind(self) -> Kind:
        """The kind of plan; single where it is not known."""
        if self.planned_trials is None:
            return "single"
        kinds: tuple[Kind, ...] = ("search", "cases", "grid", "vary_one")
        return next((kind for kind in kinds if self.spec.get(kind)), "single")

    def by_space(self) -> "list[StudyResults]":
        """The search of each case by itself; the study where no case is searched."""
        search = self.spec.get("search") or {}
        spaces = search.get("spaces") or {}
        slugs = _slugs(spaces)
        return [
            self._of_space(name, slugs[name], {**search, **space, "spaces": {}})
            for name, space in spaces.items()
        ] or [self]

    def _of_space(self, name: str, slug: str, search: Mapping[str, Any]) -> "StudyResults":
        own = self.trials[self.trials["space"] == name]
        epochs = self.epochs[self.epochs["trial"].isin(own["trial"])]
        spec = {**self.spec, "search": search}
        return replace(self, spec=spec, trials=own, epochs=epochs, space=name, slug=slug)

    def part(self, name: str) -> str:
        """The name of a part's files; those of each searched case have their own."""
        return f"{name}-{self.slug}" if self.space else name

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

    Rows are those that the plan names; where no plan was kept, all, each as a case of its own.

    Raises:
        InputError: There is no study of that name.
    """
    store = open_study(storage, name)
    spec, rows, plan = read_spec(store), store.read("trials"), store.read("plan")
    files, _ = store.file_names("plan")
    is_planned, is_exact = bool(files), bool(files) and files != [EARLIER_PLAN]
    left_out = plan.loc[plan["trial"].isna(), ["pair", "case", "position"]].drop_duplicates()
    plan = plan.dropna(subset="trial")
    kept = placed_trials(plan if is_planned else plan_from_rows(rows), rows, spec)
    verdicts = store.read("verdicts")
    is_settled = len(verdicts) > 0 and not (verdicts["name"] == "go on").any()
    needed = plan[plan["trial"].isin(kept["trial"])] if is_settled else plan
    confirming = ResultsStore(storage, confirm_name(name))
    return StudyResults(
        name=name,
        spec=spec,
        groups={group: frozenset(terms) for group, terms in read_groups(store).items()},
        left_out=left_out,
        trials=kept,
        epochs=epochs_of(store.read("epochs"), kept),
        probes=probes_of(store.read("probes"), kept),
        pictures=load_pictures(storage, name, spec, kept),
        verdicts=verdicts if len(verdicts) else confirming.read("verdicts"),
        confirming=planned_frame(confirming),
        power=read_power(store),
        carried=read_carried(store),
        unplanned_rows=int((~rows["trial"].isin(kept["trial"])).sum()),
        planned_trials=_planned_trials(needed, spec) if is_planned else None,
        mixed_codes=0 if is_exact else kept["code_version"].nunique(),
    )


def _slugs(names: Iterable[str]) -> dict[str, str]:
    """Each name in small letters, digits and hyphens; numbered where it is empty or taken."""
    found: dict[str, str] = {}
    for place, name in enumerate(names, start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        is_free = slug and slug not in found.values()
        found[name] = slug if is_free else f"{slug}-{place}".strip("-")
    return found


def _planned_trials(plan: pd.DataFrame, spec: Mapping[str, Any]) -> int:
    if spec.get("search"):
        spaces = len(spec["search"].get("spaces") or [None])
        return int(spec["search"]["trials"]) * spaces * len(spec["seeds"])
    return plan["trial"].nunique()
