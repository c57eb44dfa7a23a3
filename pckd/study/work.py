"""A study without Ray: processes that share its trials, on one machine or on many.

Each process takes the next trial that is not done and that no other holds, trains it, and looks
again, until nothing is free. Nobody directs them: what is done stands in the results, what is held
in locks below the study (`pckd.study.holding`). What a killed process held is free again, and goes
on from its checkpoint.
"""

from datetime import UTC, datetime
from typing import Protocol, cast

import torch

from pckd.errors import InputError
from pckd.machine import available_cpus
from pckd.storage import Storage
from pckd.study.beforehand import Say, prepare_here, train_teachers_here
from pckd.study.checks import check_stages
from pckd.study.document import changes_since
from pckd.study.execution import run_trial
from pckd.study.holding import check_no_driver, claim
from pckd.study.kept_verdicts import keep_verdicts
from pckd.study.outcome import Outcome, read_outcome
from pckd.study.placement import Placement, device_for
from pckd.study.plan import FixedPlan
from pckd.study.planning import make_plan, write_study
from pckd.study.preparations import first_preparations
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers
from pckd.study.trial import Trial
from pckd.study.trial_row import open_row


class Progress(Protocol):
    """Interface of what shows the trials of a study; see `pckd.progress.TrialsProgress`."""

    def start(self, trial: Trial) -> None:
        """A trial started, or goes on."""

    def epoch(self, trial: Trial, epoch: int, top1: float) -> None:
        """A trial finished an epoch; `top1` in percent."""

    def end(self, trial: Trial, outcome: Outcome) -> None:
        """A trial ended, here or in another process."""


def begin_work(spec: StudySpec, storage: Storage, say: Say, *, retry_failed: bool) -> FixedPlan:
    """Plan a study, keep its file and its plan, and train what its trials need.

    Args:
        spec: The study.
        storage: The results root.
        say: Is told what the process does.
        retry_failed: Whether trials that failed run again.

    Raises:
        InputError: Processes cannot share the study, it cannot run as it is written, or it has a
            driver.
        RunError: A teacher failed.
    """
    _check(spec, storage)
    teachers = missing_teachers(spec, storage)
    for change in changes_since(spec, storage):
        say(f"{spec.study}: the study file changed: {change}")
    plan = cast(FixedPlan, make_plan(spec, storage, retry_failed=retry_failed))
    for sentence in plan.notices():
        say(f"{spec.study}: {sentence}")
    say(f"{spec.study}: {plan.done} of {plan.total} trials are done")
    if plan.waiting:
        write_study(spec, plan, storage)
        here = _placement(spec)
        train_teachers_here(teachers, storage, here, say)
        prepare_here(first_preparations(spec, storage), storage, here, say)
    return plan


def work_on(
    spec: StudySpec,
    plan: FixedPlan,
    storage: Storage,
    progress: Progress,
    *,
    retry_failed: bool = False,
) -> None:
    """Train one free trial after another until none is left, and tell the plan how each ended.

    Args:
        spec: The study.
        plan: Of `begin_work`; what stays in `plan.waiting` is held by other processes.
        storage: The results root.
        progress: Is told of each trial.
        retry_failed: Whether trials that failed before now run again.

    Raises:
        InputError: A driver runs the study now, or data or a teacher is gone.
        OSError: The results root cannot be read or written.
    """
    began = datetime.now(UTC)
    while True:
        for trial in list(plan.waiting):
            with claim(spec.study, trial.identity, storage) as free:
                if not free:
                    continue
                plan.waiting.remove(trial)
                progress.start(trial)
                trains = not _has_ended(trial, storage, began if retry_failed else None)
                if trains:
                    _train(trial, spec, storage, progress)
                outcome = read_outcome(trial, storage)
                plan.tell(trial, outcome)
                progress.end(trial, outcome)
            if trains:
                break  # meanwhile a trial before this one may have become free
        else:
            return


def end_work(spec: StudySpec, plan: FixedPlan, storage: Storage, say: Say) -> None:
    """Keep the study file and the plan, and say what other processes still have to do."""
    write_study(spec, plan, storage)
    keep_verdicts(spec.study, plan, storage, say)
    if plan.waiting:
        say(f"{spec.study}: other processes train {len(plan.waiting)} more")
        return
    stages = {"confirm": spec.confirm, "pictures": spec.pictures, "probe": spec.probe}
    left = ", ".join(name for name, stage in stages.items() if stage is not None)
    if left:
        say(f"{spec.study}: pckd study run goes on with what needs all trials: {left}")


def _check(spec: StudySpec, storage: Storage) -> None:
    """Refuse a study that processes cannot share, before any work starts.

    Raises:
        InputError: They cannot; or its later stages cannot run; or it has a driver.
    """
    why = _unfit(spec, storage)
    if why:
        raise InputError(f"study {spec.study}: {why}; pckd study run does it")
    if spec.resources.gpus and not torch.cuda.is_available():
        raise InputError(
            f"study {spec.study}: a trial takes a GPU and this machine has none; "
            "--set resources.gpus_per_worker=0 trains on the CPU"
        )
    if (threads := spec.resources.cpus_per_worker) > (cpus := available_cpus()):
        raise InputError(
            f"study {spec.study}: a trial takes {threads} CPUs (resources.cpus_per_worker), and "
            f"this process may use {cpus}"
        )
    check_stages(spec)
    check_no_driver(spec.study, storage)


def _unfit(spec: StudySpec, storage: Storage) -> str:
    """Reason why processes cannot share the trials of a study; empty if they can."""
    if spec.search:
        return "a search learns from each trial, so one process must propose them"
    if spec.until_clear:
        return "with seeds until clear, one process must decide which trials are needed"
    if spec.resources.workers > 1:
        return "a trial of several workers takes more than one process"
    if not storage.is_local:
        return f"{storage.root} has no locks to share trials by; give a folder"
    return ""


def _placement(spec: StudySpec) -> Placement:
    """Device and threads as under Ray, so that the numbers are the same."""
    resources = spec.resources
    device = device_for(resources.gpus)
    return Placement(device, resources.cpus_per_worker, bank_bytes=resources.bank_bytes)


def _has_ended(trial: Trial, storage: Storage, retry_before: datetime | None) -> bool:
    """Return whether another process trained a trial to its end.

    Args:
        trial: The trial.
        storage: The results root.
        retry_before: Trials that failed before then have not ended; None if all that failed have.
    """
    row = ResultsStore(storage, trial.study).find("trials", trial.identity) or {}
    if row.get("status") == "failed" and retry_before:
        return bool(row["updated"] > retry_before)
    return row.get("status") in ("completed", "failed")


def _train(trial: Trial, spec: StudySpec, storage: Storage, progress: Progress) -> None:
    open_row(trial, storage)
    run_trial(
        trial,
        storage,
        _placement(spec),
        lambda record: progress.epoch(trial, record.epoch, record.top1),
        spec.keep,
    )
