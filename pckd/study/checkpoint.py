"""The state from which an interrupted trial resumes."""

import io
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.paths import checkpoint_path
from pckd.study.trial import Trial
from pckd.training.network_file import load_tensors
from pckd.training.record import EpochRecord
from pckd.training.run import Run


class Checkpoint:
    """A trial's epochs and its best student so far, on disk together with the state of its run."""

    def __init__(self, trial: Trial, storage: Storage) -> None:
        self.path = checkpoint_path(trial)
        self.storage = storage
        self.records: list[EpochRecord] = []
        self.best: dict[str, Tensor] | None = None
        """The student of the best epoch, if it is kept."""

    def restore(self, run: Run, *, keep_best: bool) -> None:
        """Restore a run to its checkpoint; leave it alone if there is none.

        So it is, too, if the student of the best epoch is wanted and was not kept.

        Raises:
            RunError: The file is damaged or belongs to something else.
        """
        if not self.storage.exists(self.path):
            return
        try:
            saved: dict[str, Any] = load_tensors(self.storage.read(self.path), self.path)
            records = [EpochRecord(**values) for values in saved["records"]]
            best = saved.get("best") if keep_best else None
            if keep_best and best is None:
                return
            run.load_state(saved["run"])
        except InputError as error:
            raise RunError(f"{error}; delete it to train from the start") from None
        except Exception:  # the values of a hostile file can be anything
            raise RunError(
                f"{self.path}: is no checkpoint of this trial; delete it to train from the start"
            ) from None
        self.records, self.best = records, best

    def add(self, run: Run, record: EpochRecord, *, keep_best: bool) -> None:
        """Note an epoch, and the student if it is the best so far and wanted."""
        is_best = record.top1 > max((earlier.top1 for earlier in self.records), default=-1)
        self.records.append(record)
        if keep_best and is_best:
            weights = run.student.state_dict()
            self.best = {name: value.cpu().clone() for name, value in weights.items()}

    def save(self, run: Run) -> None:
        """Write the state from which the next epoch starts."""
        stream = io.BytesIO()
        records = [asdict(record) for record in self.records]
        torch.save({"run": run.state(), "records": records, "best": self.best}, stream)
        self.storage.write(self.path, stream.getvalue())

    def delete(self) -> None:
        """Delete the file; a missing one is no error."""
        self.storage.delete(self.path)
