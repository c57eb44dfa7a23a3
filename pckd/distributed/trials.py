"""The trials of a study under Ray Tune."""

import tempfile
from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.train import UserCallback
from ray.tune.integration.ray_train import TuneReportCallback

from pckd.distributed.searcher import PlanSearcher
from pckd.distributed.session import TRIAL_SLOT, trials_at_once
from pckd.distributed.tasks import this_device
from pckd.distributed.workers import train_on_workers
from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.plan import Outcome, Plan
from pckd.study.rows import Placement
from pckd.study.spec import Resources
from pckd.study.trial import trial_from_json

RESTARTS = 2
"""Times that a trial whose process died goes on from its checkpoint."""


def run_plan(
    plan: Plan, storage: Storage, resources: Resources, callbacks: Sequence[tune.Callback]
) -> None:
    """Train the trials of a plan, side by side as the cluster allows.

    A trial of one worker trains in the process that Tune gives it; one of several takes no CPU
    there and starts a Ray Train run of its own.

    Args:
        plan: Hands out the trials and is told how they ended.
        storage: The results root; all nodes must reach it.
        resources: What one trial takes.
        callbacks: Of Tune, for progress.
    """
    settings = {"root": storage.root, "resources": resources.model_dump()}
    if resources.workers == 1:
        bundle = {"CPU": float(resources.cpus_per_worker), "GPU": resources.gpus_per_worker}
        trainable = tune.with_parameters(_train_here, settings=settings)
    else:
        bundle = {TRIAL_SLOT: 1.0}
        trainable = tune.with_parameters(_train_on_workers, settings=settings)
    placed = tune.with_resources(trainable, tune.PlacementGroupFactory([bundle]))
    tuner = tune.Tuner(
        placed,
        tune_config=tune.TuneConfig(
            search_alg=PlanSearcher(plan, storage),
            num_samples=-1,
            max_concurrent_trials=trials_at_once(resources),
            reuse_actors=resources.workers == 1,
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            # Tune's own files are of no use afterwards: every number is in the results store.
            storage_path=tempfile.mkdtemp(prefix="pckd-tune-"),
            failure_config=tune.FailureConfig(max_failures=RESTARTS),
            callbacks=list(callbacks),
            verbose=0,
        ),
    )
    tuner.fit()


def _train_here(config: dict[str, Any], settings: dict[str, Any]) -> None:
    """A trial of one worker."""
    resources = Resources(**settings["resources"])
    placement = Placement(this_device(), resources.cpus_per_worker)
    outcome = run_trial(
        trial_from_json(config["trial"]),
        Storage(settings["root"]),
        placement,
        lambda record: tune.report({"epoch": record.epoch, "top1": record.top1}),
    )
    _report(outcome)


def _train_on_workers(config: dict[str, Any], settings: dict[str, Any]) -> None:
    """A trial of several workers."""
    callbacks: list[UserCallback] = [TuneReportCallback()]
    outcome = train_on_workers(
        trial_from_json(config["trial"]),
        Storage(settings["root"]),
        Resources(**settings["resources"]),
        callbacks,
    )
    _report(outcome)


def _report(outcome: Outcome) -> None:
    tune.report({"status": outcome.status, "top1": outcome.value, "reason": outcome.reason})
