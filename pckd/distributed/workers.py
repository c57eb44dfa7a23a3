"""One run over several workers: Ray Train starts them, DDP joins them."""

import uuid
from typing import Any

import ray.train
from ray.train.torch import TorchTrainer, get_device

from pckd.distributed.network import NodeTorchConfig
from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.execution import Keep, run_trial
from pckd.study.placement import Placement
from pckd.study.resources import Resources
from pckd.study.trial import Trial, trial_from_json, trial_to_json
from pckd.training.group import DataParallelGroup
from pckd.training.record import EpochRecord

RESTARTS = 2
"""Number of times that a run whose worker or node died resumes from its checkpoint."""


def train_on_workers(
    trial: Trial,
    storage: Storage,
    resources: Resources,
    callbacks: list[ray.train.UserCallback] | None = None,
    keep: Keep = "last",
) -> None:
    """Train a trial under Ray Train; a dead worker is replaced, and training resumes.

    Args:
        trial: What to train.
        storage: The results root; all workers must reach it.
        resources: Workers, and what each takes.
        callbacks: Of Ray Train.
        keep: The student that is kept.

    Ray Train ends all ranks when one of them raises an error.

    Raises:
        RunError: The training of one rank raised an error, again after each restart.
        InputError: The teacher or the data set is not there.
        OSError: The results root cannot be read or written.
        WorkerGroupError: A process died too often.
    """
    # A name of its own: Ray continues the old run when a name is used again.
    name = f"{trial.identity}-{uuid.uuid4().hex[:8]}"
    folder = f"{trial.study}/ray"
    each = {"CPU": float(resources.cpus_per_worker), "GPU": resources.gpus}
    trainer = TorchTrainer(
        _worker,
        train_loop_config={
            "trial": trial_to_json(trial),
            "root": storage.root,
            "threads": resources.cpus_per_worker,
            "bank_bytes": resources.bank_bytes,
            "keep": keep,
        },
        torch_config=NodeTorchConfig(backend=None if resources.gpus >= 1 else "gloo"),
        scaling_config=ray.train.ScalingConfig(
            num_workers=resources.workers,
            use_gpu=resources.gpus > 0,
            resources_per_worker={kind: amount for kind, amount in each.items() if amount},
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=storage.full_path(folder),
            storage_filesystem=storage.filesystem,
            failure_config=ray.train.FailureConfig(
                max_failures=RESTARTS, controller_failure_limit=3
            ),
            worker_runtime_env={},
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
            callbacks=callbacks or [],
        ),
    )
    try:
        trainer.fit()
    except ray.train.WorkerGroupError as error:
        raise _cause(error) from None
    finally:
        storage.delete_folder(f"{folder}/{name}")


def _cause(error: ray.train.WorkerGroupError) -> Exception:
    """Return the error that made the workers fail: pckd's own sentence, unless a process died."""
    failures = error.worker_failures.values()
    sentences: list[Exception] = [
        each for each in failures if isinstance(each, (InputError, OSError))
    ]
    if failures and all(isinstance(each, RunError) for each in failures):
        sentences += failures
    return next(iter(sentences), error)


def _worker(config: dict[str, Any]) -> None:
    """Train one rank of the run; every worker calls this."""
    trial = trial_from_json(config["trial"])
    placement = Placement(
        get_device(), config["threads"], DataParallelGroup(), config["bank_bytes"]
    )
    try:
        run_trial(trial, Storage(config["root"]), placement, _report_epoch, config["keep"])
    except (InputError, OSError):
        raise
    except Exception as error:
        rank = placement.group.rank
        raise RunError(f"rank {rank}: {type(error).__name__}: {error}") from error


def _report_epoch(record: EpochRecord) -> None:
    ray.train.report(report_of(record))


def report_of(record: EpochRecord) -> dict[str, Any]:
    """The part of an epoch's record that schedulers and displays hear of."""
    return {"epoch": record.epoch, "top1": record.top1, "losses": record.losses}
