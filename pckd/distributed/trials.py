"""The trials of a study under Ray Tune."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.schedulers import TrialScheduler

from pckd.distributed.ray_tasks import assigned_device
from pckd.distributed.searcher import PlanSearcher
from pckd.distributed.session import DRIVER, trials_at_once
from pckd.distributed.tasks import train_teachers
from pckd.distributed.workers import report_of, train_on_workers
from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.execution import Keep, run_trial
from pckd.study.outcome import read_outcome
from pckd.study.placement import Placement
from pckd.study.plan import Plan
from pckd.study.resources import Resources
from pckd.study.teachers import train_teacher, untrained_teachers
from pckd.study.trial import trial_from_json
from pckd.study.trial_row import failure_noted
from pckd.training.record import EpochRecord

RESTARTS_IN_A_ROW = 2
"""Number of times that a trial whose process died resumes without finishing an epoch."""


class ForgivingCallback(tune.Callback):
    """Reset a trial's count of dead processes after an epoch: where nodes come and go, many die."""

    def on_trial_result(self, *_: Any, trial: Any, **__: Any) -> None:  # noqa: ANN401
        """A trial reported an epoch, or its status."""
        trial.run_metadata.num_failures = 0


def run_plan(
    plan: Plan,
    storage: Storage,
    resources: Resources,
    callbacks: Sequence[tune.Callback],
    scheduler: TrialScheduler | None = None,
    keep: Keep = "last",
) -> None:
    """Train the trials of a plan, side by side as the cluster allows.

    A trial of one worker trains in the process that Tune gives it; one of several takes no CPU
    there and starts a Ray Train run of its own. Of a search it is not known in advance which
    teachers its points need: a trial whose teacher is missing trains it first.

    Args:
        plan: Hands out the trials and is told how they ended.
        storage: The results root; all nodes must reach it.
        resources: What one trial takes.
        callbacks: Of Tune, for progress.
        scheduler: Of Tune, for early stopping.
        keep: The student of each trial that is kept.

    Raises:
        RunError: The study was interrupted: by a disk that is full, or by Ctrl-C.
    """
    searcher = PlanSearcher(plan, storage)
    settings = {"root": storage.root, "resources": resources.model_dump(), "keep": keep}
    if resources.workers == 1:
        bundle = {"CPU": float(resources.cpus_per_worker), "GPU": resources.gpus}
        trainable = tune.with_parameters(_train_here, settings=settings)
    else:
        bundle = DRIVER
        trainable = tune.with_parameters(_train_on_workers, settings=settings)
    placed = tune.with_resources(trainable, tune.PlacementGroupFactory([bundle]))
    with tempfile.TemporaryDirectory(prefix="pckd-tune-") as folder:
        _tuner(placed, searcher, resources, callbacks, scheduler, folder).fit()
    if searcher.interruption:
        raise RunError(f"{searcher.interruption}; run the same command again to go on")
    if searcher.running:
        raise KeyboardInterrupt


def _tuner(
    trainable: Any,  # noqa: ANN401
    searcher: PlanSearcher,
    resources: Resources,
    callbacks: Sequence[tune.Callback],
    scheduler: TrialScheduler | None,
    folder: str,
) -> tune.Tuner:
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=trials_at_once(resources),
            reuse_actors=resources.workers == 1,
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            # Tune's own files are of no use afterwards: every number is in the results store.
            storage_path=folder,
            failure_config=tune.FailureConfig(max_failures=RESTARTS_IN_A_ROW),
            callbacks=[ForgivingCallback(), *callbacks],
            verbose=0,
        ),
    )


def _train_here(config: dict[str, Any], settings: dict[str, Any]) -> None:
    """A trial of one worker, in this process."""
    resources = Resources(**settings["resources"])
    placement = Placement(
        assigned_device(), resources.cpus_per_worker, bank_bytes=resources.bank_bytes
    )
    with _interruptions():
        trial, storage = trial_from_json(config["trial"]), Storage(settings["root"])
        with failure_noted(trial, storage):
            for teacher in untrained_teachers([trial.config], storage):
                train_teacher(teacher, storage, placement)
            run_trial(trial, storage, placement, _report_epoch, settings["keep"])
        tune.report({"status": read_outcome(trial, storage).status})


def _report_epoch(record: EpochRecord) -> None:
    tune.report(report_of(record))


def _train_on_workers(config: dict[str, Any], settings: dict[str, Any]) -> None:
    """A trial of several workers, in a Ray Train run of its own."""
    resources = Resources(**settings["resources"])
    with _interruptions():
        trial, storage = trial_from_json(config["trial"]), Storage(settings["root"])
        with failure_noted(trial, storage):
            missing = untrained_teachers([trial.config], storage)
            train_teachers(missing, storage, resources, lambda finished: None)
            train_on_workers(trial, storage, resources, [TuneReportCallback()], settings["keep"])
        tune.report({"status": read_outcome(trial, storage).status})


@contextmanager
def _interruptions() -> Iterator[None]:
    """Report an error that no restart can mend, such as a full disk; the study ends."""
    try:
        yield
    except (InputError, OSError) as error:
        tune.report({"status": "interrupted", "reason": str(error)})
