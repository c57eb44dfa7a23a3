"""Training one trial: its rows, its checkpoint and its student land below the results root.

After each epoch the trial's rows and then its checkpoint are replaced; a trial that is run again
goes on from its checkpoint, and one that is complete returns at once.
"""

import io
import traceback
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

import torch

from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.outcome import DONE
from pckd.study.results import ResultsStore
from pckd.study.rows import (
    Placement,
    data_columns,
    epoch_row,
    progress_columns,
    test_columns,
    trial_columns,
)
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.evaluation import Accuracy
from pckd.training.identity import run_identity
from pckd.training.named_teacher import named_teacher
from pckd.training.network_file import load_tensors
from pckd.training.numerics import keep_freed_memory
from pckd.training.record import EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import RunData, prepare_data
from pckd.training.teachers import TeacherCard, TeacherStore

Keep = Literal["last", "best", "none"]


def run_trial(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    keep: Keep = "last",
) -> str:
    """Train a trial to its end, or from where it was interrupted.

    A loss that is not finite, or any other error of the training, makes the trial failed with a
    reason; an interruption (KeyboardInterrupt, SIGKILL, a full disk) leaves it running, to go on
    later.

    Args:
        trial: What to train.
        storage: The results root.
        placement: Where to compute. All ranks of a group call this; rank 0 writes.
        on_epoch: Called after each epoch that was trained, on every rank.
        keep: The student that is kept: of the last or of the best epoch, or none.

    Returns:
        The trial's status: completed, stopped or failed.

    Raises:
        OSError: The results root cannot be read or written, for example because the disk is full.
        InputError: The teacher has not been trained yet, or the data set is not there.
    """
    torch.set_num_threads(placement.threads)
    keep_freed_memory()
    record = TrialRecord(trial, storage, placement, keep)
    earlier = record.earlier_status()
    if earlier is not None:
        return earlier
    try:
        return _train(trial, storage, placement, record, on_epoch)
    except (InputError, OSError):
        raise
    except RunError as error:
        return record.fail(str(error))
    except Exception as error:
        traceback.print_exc()
        return record.fail(f"{type(error).__name__}: {error}")


def _train(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    record: "TrialRecord",
    on_epoch: Callable[[EpochRecord], None],
) -> str:
    data = prepare_data(trial.config.data, trial.config.protocol)
    teachers = TeacherStore(storage)
    card = find_teacher(trial.config, teachers)
    teacher = None if card is None else teachers.load(card).network(placement.device)
    run = Run(trial.config, data, teacher, placement.device, placement.group, placement.bank_bytes)
    record.start(run, data, card)
    while not run.finished:
        epoch = run.train_epoch()
        record.add_epoch(run, epoch)
        on_epoch(epoch)
    return record.complete(run, run.evaluate(run.data.test))


def find_teacher(config: RunConfig, teachers: TeacherStore) -> TeacherCard | None:
    """The trained teacher of a run; None if the run needs none.

    Raises:
        InputError: The teacher has not been trained yet, or the one that the run names by its
            hash is not there or does not suit.
    """
    if not config.loss.needs_teacher:
        return None
    if config.teacher_hash:
        return named_teacher(config, teachers)
    recipe = run_identity(config.teacher_run())
    card = teachers.find(recipe)
    if card is None:
        raise InputError(
            f"{teachers.storage.root} holds no teacher {recipe}; train it with pckd teacher train"
        )
    return card


class TrialRecord:
    """What a trial leaves below the results root; only rank 0 writes."""

    def __init__(self, trial: Trial, storage: Storage, placement: Placement, keep: Keep) -> None:
        self.trial = trial
        self.storage = storage
        self.keep = keep
        self.store = ResultsStore(storage, trial.study)
        self.writes = placement.group.rank == 0
        self.columns = trial_columns(trial, placement)
        self.records: list[EpochRecord] = []
        self.checkpoint_path = checkpoint_path(trial)

    def earlier_status(self) -> str | None:
        """The trial's status, if it need not run again."""
        row = self.store.find("trials", self.trial.identity)
        if row is None:
            return None
        self.columns |= {"started": row["started"], "network": row["network"]}
        return row["status"] if row["status"] in DONE else None

    def start(self, run: Run, data: RunData, teacher: TeacherCard | None) -> None:
        """Note that the trial runs, and bring the run to where its checkpoint was taken."""
        self.columns |= data_columns(data, teacher, run.notices)
        self.columns.setdefault("started", datetime.now(UTC))
        if self.storage.exists(self.checkpoint_path):
            self._load_checkpoint(run)
        self._write_trial("running")

    def add_epoch(self, run: Run, record: EpochRecord) -> None:
        """Keep an epoch: its row, then the checkpoint from which the next one starts."""
        self.records.append(record)
        if not self.writes:
            return
        rows = [epoch_row(self.trial, item) for item in self.records]
        self.store.write("epochs", self.trial.identity, rows)
        stream = io.BytesIO()
        records = [asdict(item) for item in self.records]
        torch.save({"run": run.state(), "records": records}, stream)
        if self.keep == "best" and record.top1 > max(
            (r.top1 for r in self.records[:-1]), default=-1
        ):
            self._keep_student(run, record.top1)
        self.storage.write(self.checkpoint_path, stream.getvalue())
        self._write_trial("running")

    def complete(self, run: Run, accuracy: Accuracy) -> str:
        """Keep the student, close the row, and drop the checkpoint, in this order."""
        if self.writes and self.keep == "last":
            self._keep_student(run, accuracy.top1)
        self.columns |= test_columns(accuracy)
        self._write_trial("completed")
        if self.writes:
            self.storage.delete(self.checkpoint_path)
        return "completed"

    def fail(self, reason: str) -> str:
        """Close the row with the reason."""
        self.columns["reason"] = reason
        self._write_trial("failed")
        return "failed"

    def _load_checkpoint(self, run: Run) -> None:
        path = self.checkpoint_path
        content = self.storage.read(path)
        try:
            saved: dict[str, Any] = load_tensors(content, path)
            records = [EpochRecord(**values) for values in saved["records"]]
            run.load_state(saved["run"])
        except InputError as error:
            raise RunError(f"{error}; delete it to train from the start") from None
        except Exception:  # the values of a hostile file can be anything
            raise RunError(
                f"{path}: is no checkpoint of this trial; delete it to train from the start"
            ) from None
        self.records = records

    def _keep_student(self, run: Run, top1: float) -> None:
        student = run.trained_network(self.trial.identity, top1)
        self.storage.write(network_path(self.trial), student.to_bytes())
        self.columns["network"] = student.content_hash()

    def _write_trial(self, status: str) -> None:
        if not self.writes:
            return
        row = {
            **self.columns,
            **progress_columns(self.records),
            "status": status,
            "updated": datetime.now(UTC),
        }
        self.store.write("trials", self.trial.identity, [row])


def checkpoint_path(trial: Trial) -> str:
    """Where the state of a trial that has not ended lies below the results root."""
    return f"{trial.study}/checkpoints/{trial.identity}.pt"


def network_path(trial: Trial) -> str:
    """Where a trial's trained student lies below the results root."""
    return f"{trial.study}/networks/{trial.identity}.pt"


def mark_started(trial: Trial, storage: Storage) -> None:
    """Open the row of a trial that is handed out; one that has a row keeps it.

    A driver that dies now forgets nothing of what its searcher proposed.
    """
    store = ResultsStore(storage, trial.study)
    if store.find("trials", trial.identity) is None:
        now = datetime.now(UTC)
        opened = {**progress_columns([]), "status": "running", "started": now, "updated": now}
        store.write("trials", trial.identity, [{**_unplaced(trial), **opened}])


def mark_ended(trial: Trial, storage: Storage, status: str, reason: str) -> None:
    """Close the row of a trial whose own process can no longer do so.

    Args:
        trial: The trial.
        storage: The results root.
        status: stopped or failed.
        reason: In words.
    """
    store = ResultsStore(storage, trial.study)
    row = store.find("trials", trial.identity) or _unplaced(trial)
    if status == "stopped":
        storage.delete(checkpoint_path(trial))
    ended = {"status": status, "reason": reason, "updated": datetime.now(UTC)}
    store.write("trials", trial.identity, [{**row, **ended}])


def _unplaced(trial: Trial) -> dict[str, Any]:
    return trial_columns(trial, Placement(torch.device("cpu"), torch.get_num_threads()))
