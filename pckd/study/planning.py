"""Planning of a study from its file and from the results that exist."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pandas as pd
from optuna.storages.journal import JournalFileBackend

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.carried import carried_points
from pckd.study.clear_plan import UntilClearPlan
from pckd.study.comparisons import comparisons_of
from pckd.study.confirm import check_confirm
from pckd.study.document import read_spec, write_spec
from pckd.study.outcome import History, Outcome, finished, histories_of, outcomes_of
from pckd.study.plan import FixedPlan, Plan, fixed_plan
from pckd.study.plan_table import write_plan
from pckd.study.power_words import power_lines
from pckd.study.results import ResultsStore
from pckd.study.schema import SCHEMAS
from pckd.study.search import SearchPlan
from pckd.study.searched import searches
from pckd.study.spec import StudySpec

JOURNAL = "optuna.journal"


def make_plan(
    spec: StudySpec,
    storage: Storage,
    *,
    retry_failed: bool,
    journal: optuna.storages.BaseStorage | None = None,
) -> Plan:
    """Make the plan of a study, with what is already done.

    Args:
        spec: The study.
        storage: The results root.
        retry_failed: Whether trials that failed run again.
        journal: Where Optuna keeps the study of a search; in memory by default.

    Raises:
        InputError: Some trial is not valid, or its data set cannot be opened; or trials that are
            done tested the students of other epochs than the study asks for.
    """
    store = ResultsStore(storage, spec.study)
    rows = store.read("trials")
    histories = histories_of(store.read("epochs"))
    stop = spec.search.stop if spec.search else None
    known = finished(outcomes_of(rows, histories), retry_failed=retry_failed, stop=stop)
    _check_kept(spec, store, known)
    return _plan(spec, storage, rows, known, histories, journal)


def plan_to_run(
    spec: StudySpec, storage: Storage, *, retry_failed: bool, fresh: bool = False
) -> Plan:
    """Make the plan that a run of a study would have; errors as of `make_plan`.

    Args:
        spec: The study.
        storage: The results root.
        retry_failed: Whether trials that failed run again.
        fresh: Whether it starts over, as if none of its trials had been done.
    """
    if not fresh:
        return make_plan(spec, storage, retry_failed=retry_failed)
    return _plan(spec, storage, SCHEMAS["trials"].empty_table().to_pandas(), {}, {})


def _plan(
    spec: StudySpec,
    storage: Storage,
    rows: pd.DataFrame,
    known: Mapping[str, Outcome],
    histories: Mapping[str, History],
    journal: optuna.storages.BaseStorage | None = None,
) -> Plan:
    if spec.search:
        carried = {each.case: carried_points(each.search, storage) for each in searches(spec)}
        return SearchPlan(spec, rows, known, histories, journal, carried)
    if spec.until_clear:
        return UntilClearPlan(spec, known)
    return FixedPlan(fixed_plan(spec), known)


def _check_kept(spec: StudySpec, store: ResultsStore, known: Mapping[str, Outcome]) -> None:
    """Refuse to mix students of the last epoch with those of the best one."""
    before = read_spec(store).get("keep", spec.keep)
    is_done = any(outcome.status == "completed" for outcome in known.values())
    if is_done and (before == "best") != (spec.keep == "best"):
        raise InputError(
            f"study {spec.study}: keep is {spec.keep}, and was {before} when its trials tested "
            "their students: take it back, or run with --fresh"
        )


def check_plan(spec: StudySpec) -> None:
    """Plan a study as if nothing had been done, to find what is wrong with it.

    Raises:
        InputError: As `make_plan`; or all that it compares until it is clear is the same run.
    """
    if spec.search:
        SearchPlan(spec, SCHEMAS["trials"].empty_table().to_pandas(), {}, {}).next_trial()
    else:
        fixed_plan(spec)
    if spec.until_clear and not comparisons_of(spec):
        raise InputError(f"study {spec.study}: the cases that it compares come to the same run")
    check_confirm(spec)


def optuna_journal(spec: StudySpec, storage: Storage) -> optuna.storages.BaseStorage | None:
    """Start a journal for the Optuna studies of a search, which optuna-dashboard can open.

    It is made again from the results whenever the study runs. Optuna has no storage behind a
    filesystem URI: there the study stays in memory.
    """
    if not (spec.search and storage.is_local):
        return None
    path = Path(storage.full_path(f"{spec.study}/{JOURNAL}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # What a killed driver left; only the driver of the study comes here, see `only_driver`.
    path.with_name(f"{JOURNAL}.lock").unlink(missing_ok=True)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


def write_study(spec: StudySpec, plan: Plan, storage: Storage) -> None:
    """Keep the study file, as it was validated, its power, and the plan beside the results.

    Raises:
        InputError: The data set cannot be opened.
    """
    write_spec(spec, storage, list(power_lines(spec, storage)), plan.carried)
    write_plan(storage, spec, plan.planned)


def set_aside(study: str, storage: Storage, say: Callable[[str], None]) -> None:
    """Rename the results of a study, so that it starts afresh; nothing is deleted.

    Args:
        study: Its name.
        storage: The results root.
        say: Is told the new name.
    """
    if storage.exists(study):
        aside = f"{study}-before-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        storage.move(study, aside)
        say(f"{study}: earlier results are kept as {aside}")
