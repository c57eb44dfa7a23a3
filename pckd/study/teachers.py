"""Training the teachers that a study needs, as trials of the reserved study `teachers`."""

from collections.abc import Callable, Iterable

from pckd.errors import RunError
from pckd.storage import Storage
from pckd.study.execution import network_path, run_trial
from pckd.study.outcome import read_outcome
from pckd.study.plan import cases
from pckd.study.rows import Placement
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.network_file import TrainedNetwork
from pckd.training.record import EpochRecord
from pckd.training.teachers import TeacherCard, TeacherStore

STUDY = "teachers"


def teacher_trials(configs: Iterable[RunConfig]) -> list[Trial]:
    """The distinct trainings of the teachers that some runs need."""
    trials: dict[str, Trial] = {}
    for config in configs:
        if config.loss.needs_teacher:
            trial = teacher_trial(config.teacher_run())
            trials[trial.identity] = trial
    return list(trials.values())


def teacher_trial(config: RunConfig) -> Trial:
    """The trial that trains a teacher; `config` is the teacher's own run.

    Raises:
        InputError: Its data set cannot be opened.
    """
    return Trial(STUDY, config.student, {}, config, run_identity(config))


def study_runs(spec: StudySpec) -> list[RunConfig]:
    """One run of each case and pair of a study; of a search, the run that it starts from.

    Raises:
        InputError: Some case gives no valid run.
    """
    return [
        spec.run_config({**changes, **pair}, f"study {spec.study}, {case}")
        for case, changes in cases(spec)
        for pair in spec.pair_changes()
    ]


def missing_teachers(spec: StudySpec, storage: Storage) -> list[Trial]:
    """The teachers that a study needs and that have not been trained yet."""
    store = TeacherStore(storage)
    needed = teacher_trials(study_runs(spec))
    return [trial for trial in needed if store.find(trial.identity) is None]


def train_teacher(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> TeacherCard:
    """Train a teacher, or go on with it, and put it into the store.

    Raises:
        RunError: The training failed; the reason is named.
    """
    if run_trial(trial, storage, placement, on_epoch) != "completed":
        reason = read_outcome(trial, storage).reason
        raise RunError(f"training the teacher {trial.case} failed: {reason}")
    path = network_path(trial)
    return TeacherStore(storage).add(TrainedNetwork.from_bytes(storage.read(path), path))
