"""Stages of a study under Ray, each with its bars, from teachers to probes."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ray import tune

from pckd.distributed.events import EventsCallback
from pckd.distributed.progress import ProgressCallback
from pckd.distributed.session import check_plugins, check_resources, check_shared, ray_session
from pckd.distributed.stopping import stopping
from pckd.distributed.tasks import prepare_all, run_tasks, train_teachers
from pckd.distributed.trials import run_plan
from pckd.errors import RunError
from pckd.progress import Display, TrialsProgress
from pckd.storage import Storage
from pckd.study.names import TEACHERS
from pckd.study.pictures.stage import PictureTask, missing_pictures
from pckd.study.plan import Plan
from pckd.study.probe_task import ProbeTask, missing_tasks
from pckd.study.resources import Resources
from pckd.study.results import ResultsStore
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.training.preparations import PreparationStore, PreparationTask


def train_missing_teachers(
    trials: Sequence[Trial], resources: Resources, storage: Storage, display: Display
) -> None:
    """Train the teachers of a study, a bar each; arguments and errors as of `train_teachers`."""
    store = ResultsStore(storage, TEACHERS)
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


def do_missing_preparations(
    tasks: Sequence[PreparationTask], resources: Resources, storage: Storage, display: Display
) -> None:
    """Do the preparations of a study, a bar each; one that fails is named and left out."""
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


def train_trials(
    spec: StudySpec, plan: Plan, resources: Resources, storage: Storage, display: Display
) -> None:
    """Train what a plan hands out; arguments and errors as of `run_plan`."""
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
        _run("linear probes", len(tasks), missing, resources, storage, display, address)


def run_missing_pictures(
    tasks: Sequence[PictureTask],
    resources: Resources,
    storage: Storage,
    display: Display,
    *,
    address: str | None = None,
) -> None:
    """Picture the students that have no file yet; arguments and errors as `run_missing_probes`."""
    missing = missing_pictures(storage, tasks)
    _run("pictures", len(tasks), missing, resources, storage, display, address)


def _run(
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
