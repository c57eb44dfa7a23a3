"""Training the teachers that a study needs, as trials of the reserved study `teachers`."""

from collections.abc import Callable, Iterable

from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.names import TEACHERS
from pckd.study.outcome import read_outcome
from pckd.study.paths import network_path
from pckd.study.placement import Placement
from pckd.study.plan import study_runs
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.named_teacher import named_teacher
from pckd.training.network_file import TrainedNetwork
from pckd.training.network_path import kept_path
from pckd.training.record import EpochRecord
from pckd.training.run_checks import check_workers
from pckd.training.teachers import TeacherCard, TeacherStore


def teacher_trials(configs: Iterable[RunConfig]) -> list[Trial]:
    """List the distinct teacher trainings that some runs need; none for teachers named by hash."""
    trials: dict[str, Trial] = {}
    for config in configs:
        if config.needs_teacher and not config.teacher_hash:
            trial = teacher_trial(config.teacher_run())
            trials[trial.identity] = trial
    return list(trials.values())


def teacher_trial(config: RunConfig) -> Trial:
    """Make the trial that trains a teacher; `config` is the teacher's own run.

    Raises:
        InputError: Its data set cannot be opened.
    """
    return Trial(TEACHERS, config.student, {}, config, run_identity(config))


def missing_teachers(spec: StudySpec, storage: Storage) -> list[Trial]:
    """List the teachers that a study needs and that are not trained yet.

    Raises:
        InputError: As `untrained_teachers`, or some case gives no valid run, or the study's workers
            cannot share a teacher's batches.
    """
    missing = untrained_teachers(study_runs(spec), storage)
    for trial in missing:
        check_teacher_workers(trial, spec.resources.workers)
    return missing


def check_teacher_workers(trial: Trial, workers: int) -> None:
    """Refuse a teacher that some workers cannot train together.

    Raises:
        InputError: They cannot share its batches evenly.
    """
    try:
        check_workers(trial.config, workers)
    except InputError as error:
        raise InputError(f"the recipe of the teacher, {trial.case}: {error}") from None


def untrained_teachers(configs: Iterable[RunConfig], storage: Storage) -> list[Trial]:
    """List the trainings that must precede some runs.

    Raises:
        InputError: A run names a teacher by a hash that the store does not hold, or one that does
            not suit it; or a data set cannot be opened.
    """
    runs = list(configs)
    store = TeacherStore(storage)
    named = {(run.teacher, run.data, run.protocol): run for run in runs if run.teacher_hash}
    for config in named.values():
        named_teacher(config, store)
    return [trial for trial in teacher_trials(runs) if store.find(trial.identity) is None]


def train_teacher(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_wait: Callable[[], None] = lambda: None,
) -> TeacherCard:
    """Train a teacher in this process, or resume its training, and put it into the store.

    Args:
        trial: Of `teacher_trials`.
        storage: The results root.
        placement: Where to compute.
        on_epoch: Called after each epoch that was trained.
        on_wait: Called before waiting for another process that trains the teacher.

    Raises:
        RunError: The training failed; the reason is named.
    """
    return keep_teacher(
        trial, storage, lambda: run_trial(trial, storage, placement, on_epoch), on_wait
    )


def keep_teacher(
    trial: Trial,
    storage: Storage,
    train: Callable[[], object],
    on_wait: Callable[[], None] = lambda: None,
) -> TeacherCard:
    """Return the teacher of a trial, trained and put into the store unless it is there.

    Of several processes that want the same teacher at the same moment, one trains it while the
    others wait, if the results root is local. Elsewhere there is no lock: each may train it, to
    the same numbers, and one copy is kept.

    Args:
        trial: Of `teacher_trials`.
        storage: The results root.
        train: Trains it to its end, or until it fails.
        on_wait: Called before waiting for another process that trains the teacher.

    Raises:
        RunError: The training failed; the reason is named.
    """
    with storage.lock(f"{TEACHERS}/locks/{trial.identity}", on_wait):
        found = TeacherStore(storage).find(trial.identity)
        return found or _train_and_keep(trial, storage, train)


def _train_and_keep(trial: Trial, storage: Storage, train: Callable[[], object]) -> TeacherCard:
    train()
    outcome = read_outcome(trial, storage)
    if outcome.status != "completed":
        raise RunError(f"training the teacher {trial.case} failed: {outcome.reason}")
    path = kept_path(storage, network_path(trial))
    return TeacherStore(storage).add(TrainedNetwork.from_bytes(storage.read(path), path))
