"""A whole study on one Ray cluster: teachers, preparations, trials, probes and pictures."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ray import tune

from pckd.distributed.events import EventsCallback
from pckd.distributed.packing import measured_resources
from pckd.distributed.progress import ProgressCallback
from pckd.distributed.session import check_plugins, check_resources, check_shared, ray_session
from pckd.distributed.stopping import stopping
from pckd.distributed.tasks import prepare_all, run_tasks, train_teachers
from pckd.distributed.trials import run_plan
from pckd.errors import InputError, RunError
from pckd.progress import Display, TrialsProgress
from pckd.storage import Storage
from pckd.study.checks import check_stages
from pckd.study.confirm import check_confirm, confirm_study
from pckd.study.document import changes_since
from pckd.study.holding import only_driver
from pckd.study.kept_verdicts import keep_verdicts
from pckd.study.pictures.stage import PictureTask, missing_pictures, picture_tasks
from pckd.study.plan import Ended, Plan
from pckd.study.planning import check_plan, make_plan, optuna_journal, set_aside, write_study
from pckd.study.preparations import first_preparations
from pckd.study.probe_task import ProbeTask, missing_tasks
from pckd.study.probing import probe_tasks
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers
from pckd.study.trial import Trial, describe_point
from pckd.training.preparations import PreparationStore, PreparationTask


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
    for sentence in plan.notices():
        display.say(f"{spec.study}: {sentence}")
    display.say(f"{spec.study}: {plan.done} of {plan.total} trials are done")
    with ExitStack() as started:  # Ray, once for all stages, if there are trials to run
        if plan.done < plan.total:
            started.enter_context(ray_session(address))
            check_resources(spec.resources)
            check_shared(storage)
            check_plugins()
            write_study(spec, plan, storage)
            _train_teachers(teachers, spec.resources, storage, display)
            _prepare(first_preparations(spec, storage), spec.resources, storage, display)
            measured = measured_resources(spec, display.say)
            try:
                _run_trials(spec, plan, measured, storage, display)
            finally:
                keep_verdicts(plan, storage, display.say)
        else:
            keep_verdicts(plan, storage, display.say)
        write_study(spec, plan, storage)
        if spec.pictures is not None:
            tasks = picture_tasks(spec, storage)
            missing = missing_pictures(storage, tasks)
            _look("pictures", len(tasks), missing, spec.resources, storage, display, address)
        stage = spec.probe_stage()
        if stage is not None:
            probes = probe_tasks(storage, spec.study, stage)
            run_missing_probes(probes, spec.resources, storage, display, address=address)
    return plan.ended


def run_missing_probes(
    tasks: Sequence[ProbeTask],
    resources: Resources,
    storage: Storage,
    display: Display,
    *,
    address: str | None = None,
) -> None:
    """Run the probes that have no row yet; Ray starts only if there are some.

    Args:
        tasks: Linear probes.
        resources: What one probe takes.
        storage: The results root.
        display: Shows progress.
        address: Of a Ray cluster; None starts one on this machine.

    Raises:
        InputError: A network or a target is not there or does not suit.
        RunError: Fits failed; the others are done, and the first that failed is named.
    """

    def waits() -> None:
        display.say("another process probes the same study; waiting for that")

    missing = missing_tasks(storage, tasks)
    with ExitStack() as held:
        for study in sorted({task.study for task in missing}):
            held.enter_context(storage.lock(f"{study}/locks/probes", waits))
        missing = missing_tasks(storage, missing)
        _look("linear probes", len(tasks), missing, resources, storage, display, address)


def _look(
    what: str,
    total: int,
    missing: Sequence[ProbeTask] | Sequence[PictureTask],
    resources: Resources,
    storage: Storage,
    display: Display,
    address: str | None,
) -> None:
    """Run the probe or picture tasks that have no result yet, one worker each."""
    failures: list[str] = []
    if missing:
        with ray_session(address), display.bars() as bars:
            bar = bars.add_task(what, total=len(missing), note="")
            one = resources.model_copy(update={"workers": 1})
            check_resources(one)
            check_shared(storage)
            check_plugins()
            failures = run_tasks(
                missing, storage, one, lambda done: bars.update(bar, completed=done)
            )
    display.say(f"{total - len(failures)} of {total} {what} are done")
    if failures:
        raise RunError(f"{len(failures)} {what} failed; {failures[0]}")


def _train_teachers(
    trials: Sequence[Trial], resources: Resources, storage: Storage, display: Display
) -> None:
    store = ResultsStore(storage, "teachers")
    with display.bars() as bars:
        tasks = {
            trial.identity: bars.add_task(
                f"teacher {trial.case}", total=trial.config.optimization.epochs, note=""
            )
            for trial in trials
        }

        def show(finished: int) -> None:
            for identity, task in tasks.items():
                row = store.find("trials", identity) or {}
                if row.get("epochs_done"):
                    note = f"epoch {row['epochs_done']}, {row['last_top1']:.1f} %"
                    bars.update(task, completed=row["epochs_done"], note=note)

        cards = train_teachers(trials, storage, resources, show)
    for card in cards:
        display.say(f"teacher {card.model}: {card.test_top1:.2f} % on the test images")


def _prepare(
    tasks: Sequence[PreparationTask], resources: Resources, storage: Storage, display: Display
) -> None:
    store = PreparationStore(storage)
    with display.bars() as bars:
        shown = {
            task.key: bars.add_task(f"preparation {task}", total=task.epochs, note="")
            for task in tasks
        }

        def show(finished: int) -> None:
            for key, bar in shown.items():
                if losses := store.losses(key):
                    note = f"epoch {len(losses)}, loss {losses[-1]:.4g}"
                    bars.update(bar, completed=len(losses), note=note)

        failures = prepare_all(tasks, storage, resources, show)
    for failure in failures:
        display.say(f"{failure}; the trials that need it will fail")
    for task in filter(lambda task: store.holds(task.key), tasks):
        losses = store.losses(task.key)
        display.say(
            f"preparation {task}: loss {losses[0]:.4g} in epoch 1, {losses[-1]:.4g} at the end"
        )


def _run_trials(
    spec: StudySpec, plan: Plan, resources: Resources, storage: Storage, display: Display
) -> None:
    scheduler = None
    if isinstance(plan, SearchPlan) and plan.stop:
        scheduler = stopping(plan.stop, plan.epochs, plan.recorded)
    with display.bars() as bars:
        progress = TrialsProgress(display, bars, spec.study, plan)
        callbacks: list[tune.Callback] = [ProgressCallback(progress)]
        if storage.is_local:
            callbacks.append(EventsCallback(Path(storage.full_path(spec.study)) / "tensorboard"))
        run_plan(plan, storage, resources, callbacks, scheduler, spec.keep)
    if isinstance(plan, SearchPlan) and plan.refused:
        count = len(plan.refused)
        display.say(
            f"{count} proposals were no valid runs, others took their place; the first: "
            f"{plan.refused[0]}"
        )
