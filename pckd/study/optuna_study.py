"""A search as an `optuna.Study`, made from its results store alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from pckd.errors import InputError, first_line
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.configuration import mean_history, mean_objectives, state_of
from pckd.study.document import read_spec
from pckd.study.earlier_plan import ensure_plan
from pckd.study.outcome import Outcome, histories_of, outcomes_of
from pckd.study.results import ResultsStore, open_study
from pckd.study.search_config import SearchConfig
from pckd.study.searched import Searched, searches
from pckd.study.space import Point
from pckd.study.spec import StudySpec


def open_search(
    storage: Storage,
    study: str,
    case: str = "",
    into: optuna.storages.BaseStorage | None = None,
) -> optuna.Study:
    """The search of a study as Optuna has it, with the true state of each configuration.

    A configuration is a trial of the Optuna study, in the order of the plan: COMPLETE with its mean
    accuracy over the seeds on the images that select (and the other objectives of the search),
    PRUNED if one of its seeds was stopped early, FAIL if one failed, RUNNING while seeds train or
    are to come (also if the study was interrupted), WAITING if none has started. Its intermediate
    values are the mean accuracies by epoch, as far as all its seeds have come; a search for several
    objectives has none, since Optuna takes none. User attributes: `trials` (identities), `seeds`,
    and `test_top1` (percent on the test images, null where there is none), each in the same order.

    Args:
        storage: The results root.
        study: Name of the study.
        case: The case whose search is opened, of a study that searches in each of its cases.
        into: Where Optuna keeps it; in memory by default.

    Raises:
        InputError: There is no such study, it is no search or has none in this case, or its study
            file does not fit its plan.
    """
    store = open_study(storage, study)
    found = _searches_of(store)
    mine = _of_case(found, case, study)
    ensure_plan(storage, study)
    trials = list(_frozen_trials(store, found, mine))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(
        storage=into, study_name=mine.title(study), directions=mine.search.directions
    )
    made.add_trials(trials)
    return made


def trial_rows(study: optuna.Study) -> list[dict[str, Any]]:
    """The trials of an Optuna study, a row each: number, state, objectives and parameters."""
    frame: pd.DataFrame = study.trials_dataframe(attrs=("number", "state", "value", "params"))
    known = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name).removeprefix("params_"): value for name, value in row.items()}
        for row in known.to_dict("records")
    ]


def optuna_storage(place: str, study: str, *, replace: bool) -> optuna.storages.BaseStorage:
    """Optuna's storage at a place, free for a study.

    Args:
        place: A URL of a database such as sqlite:///search.db, or a file for Optuna's journal.
        study: Optuna's name of the study, which must be free.
        replace: Whether a study of that name is deleted.

    Raises:
        InputError: Optuna cannot open it; or it holds a study of that name, which is not to be
            replaced.
    """
    try:
        opened = _opened(place)
        names = [each.study_name for each in opened.get_all_studies()]
    except Exception as error:  # each database has errors of its own
        raise InputError(f"--storage: Optuna cannot open it: {first_line(error)}") from None
    if study in names:
        if not replace:
            raise InputError(f"--storage holds a study {study} already: --force replaces it")
        optuna.delete_study(study_name=study, storage=opened)
    return opened


def _opened(place: str) -> optuna.storages.BaseStorage:
    if "://" in place:
        return optuna.storages.get_storage(place)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    return optuna.storages.JournalStorage(JournalFileBackend(place))


def _searches_of(store: ResultsStore) -> list[Searched]:
    spec = validate(StudySpec, read_spec(store), f"study {store.study}")
    found = searches(spec)
    if not found:
        raise InputError(f"study {store.study} is no search, so there is nothing for Optuna")
    return found


def _of_case(found: Sequence[Searched], case: str, study: str) -> Searched:
    for each in found:
        if each.case == case:
            return each
    cases = ", ".join(each.case for each in found if each.case)
    if not cases:
        raise InputError(f"study {study} searches in no cases: leave out the case {case!r}")
    raise InputError(f"study {study} searches in each of its cases, name one: {cases}")


def _frozen_trials(
    store: ResultsStore, found: Sequence[Searched], mine: Searched
) -> Iterator[FrozenTrial]:
    rows = store.read("trials").set_index("trial", drop=False)
    outcomes = outcomes_of(rows, histories_of(store.read("epochs")))
    for _, planned in store.read("plan").sort_values("seed").groupby("position"):
        changes = json.loads(planned["changes"].iloc[0])
        owner = next((each for each in found if _has_proposed(each, changes)), None)
        if owner is None:
            raise InputError(
                f"study {store.study} holds a configuration outside its search, {changes}: run "
                "the study again, which plans it anew"
            )
        if owner is mine:
            started = rows.loc[rows.index.isin(planned["trial"])]
            ended = {name: outcomes[name] for name in planned["trial"] if name in outcomes}
            yield _frozen(mine.search, mine.point_in(changes), planned, started, ended)


def _has_proposed(searched: Searched, changes: dict[str, Any]) -> bool:
    return searched.has_proposed({**changes, **searched.of_pair})


def _frozen(
    search: SearchConfig,
    point: Point,
    planned: pd.DataFrame,
    started: pd.DataFrame,
    ended: Mapping[str, Outcome],
) -> FrozenTrial:
    """One configuration; the plan's rows and the trials' rows are those of its seeds."""
    trials = planned["trial"].tolist()
    attributes = {
        "trials": trials,
        "seeds": planned["seed"].tolist(),
        "test_top1": [ended[name].test if name in ended else None for name in trials],
    }
    if started.empty:  # as Optuna queues what it was told to try
        return create_trial(
            state=TrialState.WAITING,
            system_attrs={"fixed_params": point},
            user_attrs=attributes,
        )
    outcomes = list(ended.values())
    state = _state(outcomes, started["status"].tolist(), len(trials))
    student = started["config.student"].iloc[0]
    trial = create_trial(
        state=state,
        values=mean_objectives(outcomes, search.objectives, student)
        if state == TrialState.COMPLETE
        else None,
        params=dict(point),
        distributions={key: search.parameters[key].distribution() for key in point},
        intermediate_values=mean_history(outcomes) if len(search.objectives) == 1 else {},
        user_attrs=attributes,
    )
    trial.datetime_start = _local(started["started"].min())
    trial.datetime_complete = _local(started["updated"].max()) if state.is_finished() else None
    return trial


def _state(outcomes: Sequence[Outcome], statuses: Sequence[str], planned: int) -> TrialState:
    """Optuna's state of a configuration of which some seeds have started."""
    told = state_of(outcomes)
    is_cut = told != TrialState.COMPLETE  # the seeds that have not started are left out
    if "running" in statuses or not (is_cut or len(outcomes) == planned):
        return TrialState.RUNNING
    return told


def _local(time: Any) -> datetime:  # noqa: ANN401, a time of pandas
    """A time as Optuna keeps it: of this machine's clock, without its zone."""
    local: datetime = time.to_pydatetime().astimezone().replace(tzinfo=None)
    return local
