"""A whole study on one Ray cluster: teachers, preparations, trials, probes and pictures."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from pckd.distributed.packing import measured_resources
from pckd.distributed.session import check_plugins, check_resources, check_shared, ray_session
from pckd.distributed.stages import (
    do_missing_preparations,
    run_missing_pictures,
    run_missing_probes,
    train_missing_teachers,
    train_trials,
)
from pckd.errors import InputError
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.checks import check_stages, probe_notices
from pckd.study.confirm import check_confirm, confirm_study
from pckd.study.document import changes_since
from pckd.study.holding import only_driver
from pckd.study.kept_verdicts import keep_verdicts
from pckd.study.pictures.stage import picture_tasks
from pckd.study.plan import Ended
from pckd.study.planning import check_plan, make_plan, optuna_journal, set_aside, write_study
from pckd.study.preparations import first_preparations
from pckd.study.probing import probe_tasks
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers
from pckd.study.trial import Trial, describe_point


def run_study(
    spec: StudySpec,
    storage: Storage,
    display: Display,
    *,
    address: str | None = None,
    retry_failed: bool = False,
    fresh: bool = False,
) -> list[Ended]:
    """Run what is missing of a study; Ray starts only if something is.

    Args:
        spec: The study.
        storage: The results root; every node must reach it.
        display: Shows progress.
        address: Of a Ray cluster; None starts one on this machine.
        retry_failed: Whether trials that failed run again.
        fresh: Whether to set earlier results aside and start over.

    Returns:
        All trials of the study that have ended, in this run or before.

    Raises:
        InputError: The study cannot run as it is written, not on this cluster, or runs already.
        RunError: A teacher failed, or the study was interrupted.
    """
    launch = _Launch(storage, display, address, retry_failed, fresh)
    ended = _run_plan(spec, launch)
    return ended if spec.confirm is None else ended + _confirm(spec, ended, launch)


def confirm_ended(
    spec: StudySpec,
    storage: Storage,
    display: Display,
    *,
    address: str | None = None,
    retry_failed: bool = False,
) -> list[Ended]:
    """Confirm a study whose plan has ended; arguments, result and errors as of `run_study`.

    Raises:
        InputError: Some trials of its plan have not ended.
    """
    plan = make_plan(spec, storage, retry_failed=False)
    if plan.done < plan.total:
        raise InputError(
            f"{plan.done} of {plan.total} trials of study {spec.study} are done: run it to its end "
            "before it is confirmed"
        )
    check_confirm(spec)
    launch = _Launch(storage, display, address, retry_failed, fresh=False)
    return _confirm(spec, plan.ended, launch)


@dataclass(frozen=True, slots=True)
class _Launch:
    """The arguments of `run_study` that hold for a study and for the one that confirms it."""

    storage: Storage
    display: Display
    address: str | None
    retry_failed: bool
    fresh: bool


def _confirm(spec: StudySpec, ended: Sequence[Ended], launch: _Launch) -> list[Ended]:
    """Run what is missing of the study that confirms another."""
    confirming = confirm_study(spec, ended)
    if confirming is None:
        launch.display.say(f"{spec.study}: the best is its only reference: nothing to compare")
        return []
    for name, changes in (confirming.cases or {}).items():
        what = describe_point(changes) or "the run as it is"
        launch.display.say(f"{confirming.study}: {name}: {what}")
    return _run_plan(confirming, launch)


def _run_plan(spec: StudySpec, launch: _Launch) -> list[Ended]:
    """Run what is missing of the plan and of the stages after it, as the study's only driver.

    Input that is refused leaves no file behind, so the checks come before the lock.
    """
    teachers = missing_teachers(spec, launch.storage)
    check_stages(spec)
    check_plan(spec)
    with only_driver(spec.study, launch.storage):
        return _run_held(spec, teachers, launch)


def _run_held(spec: StudySpec, teachers: Sequence[Trial], launch: _Launch) -> list[Ended]:
    storage, display, address = launch.storage, launch.display, launch.address
    if launch.fresh:
        set_aside(spec.study, storage, display.say)
    picture_tasks(spec, storage)  # students that were not kept are missed before any training
    for change in changes_since(spec, storage):
        display.say(f"{spec.study}: the study file changed: {change}")
    journal = optuna_journal(spec, storage)
    plan = make_plan(spec, storage, retry_failed=launch.retry_failed, journal=journal)
    for sentence in (*plan.notices(), *probe_notices(spec.probe_stage())):
        display.say(f"{spec.study}: {sentence}")
    display.say(f"{spec.study}: {plan.done} of {plan.total} trials are done")
    with ExitStack() as started:  # Ray, once for all stages, if there are trials to run
        if plan.done < plan.total:
            started.enter_context(ray_session(address))
            check_resources(spec.resources)
            check_shared(storage)
            check_plugins()
            write_study(spec, plan, storage)
            train_missing_teachers(teachers, spec.resources, storage, display)
            do_missing_preparations(
                first_preparations(spec, storage), spec.resources, storage, display
            )
            measured = measured_resources(spec, display.say)
            try:
                train_trials(spec, plan, measured, storage, display)
            finally:
                keep_verdicts(spec.study, plan, storage, display.say)
        else:
            keep_verdicts(spec.study, plan, storage, display.say)
        write_study(spec, plan, storage)
        if spec.pictures is not None:
            tasks = picture_tasks(spec, storage)
            run_missing_pictures(tasks, spec.resources, storage, display, address=address)
        stage = spec.probe_stage()
        if stage is not None:
            probes = probe_tasks(storage, spec.study, stage)
            run_missing_probes(probes, spec.resources, storage, display, address=address)
    return plan.ended
