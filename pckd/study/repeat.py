"""Repeating one trial of a study alone, to see that it gives the same numbers."""

import json
from collections.abc import Callable
from dataclasses import replace

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.checkpoint import Checkpoint
from pckd.study.document import read_spec
from pckd.study.execution import run_trial
from pckd.study.names import REPEATS
from pckd.study.outcome import Outcome, read_outcome
from pckd.study.placement import Placement, device_for
from pckd.study.results import ResultsStore, open_study
from pckd.study.table_files import Row
from pckd.study.trial import Trial
from pckd.study.trial_row import restart_row
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.record import EpochRecord


def repeat_trial(
    study: str,
    identity: str,
    storage: Storage,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_wait: Callable[[], None] = lambda: None,
) -> tuple[Outcome, Outcome]:
    """Train a trial of a study again, in this process, as the study did.

    Args:
        study: Its name.
        identity: Of the trial; a unique beginning is enough.
        storage: The results root; the repetition lands in its study `repeats`.
        on_epoch: Called after each epoch.
        on_wait: Called before waiting for another process that repeats the same trial.

    Returns:
        How the trial ended in the study, and alone.

    Raises:
        InputError: There is no such trial, it has not ended, its teacher is gone, the code or
            the images have changed since, or its row is damaged; or it is a repetition itself.
    """
    if study == REPEATS:
        raise InputError(
            f"study {REPEATS} holds repetitions, each of which a further one would replace: name "
            "the study that the trial is of"
        )
    store = open_study(storage, study)
    row = store.row("trials", store.trial_named(identity))
    config = _config(row, store)
    alone = Trial(REPEATS, row["case"], {}, config, run_identity(config))
    if alone.identity != row["trial"]:
        raise InputError(
            f"trial {row['trial']} cannot be repeated: code or images have changed since"
        )
    if row["status"] == "running":
        raise InputError(f"trial {row['trial']} has not ended in study {study}")
    if row["device"] is None:
        raise InputError(f"trial {row['trial']} cannot be repeated: it never started")
    device = device_for(row["device"] != "cpu")
    keep = read_spec(store).get("keep", "last")
    with storage.lock(f"{REPEATS}/locks/{alone.identity}", on_wait):
        Checkpoint(alone, storage).delete()
        restart_row(alone, storage)
        run_trial(alone, storage, Placement(device, int(row["threads"])), on_epoch, keep)
        return read_outcome(replace(alone, study=study), storage), read_outcome(alone, storage)


def _config(row: Row, store: ResultsStore) -> RunConfig:
    """The run of a row; what it names may come from a plug-in, which is never taken from results.

    Raises:
        InputError: It names something that is not known here.
    """
    source = f"trial {row['trial']} cannot be repeated"
    try:
        return validate(RunConfig, json.loads(row["config"]), source)
    except ValueError:
        raise InputError(f"{source}: its stored configuration is damaged") from None
    except InputError as error:
        plugins = " ".join(read_spec(store).get("plugins", ()))
        advice = f"; the study has plug-ins: give pckd --plugin {plugins}" if plugins else ""
        raise InputError(f"{error}{advice}") from None
