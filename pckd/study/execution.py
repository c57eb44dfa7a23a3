"""Train one trial: its rows, its checkpoint and its student land below the results root.

After each epoch the trial's rows and then its checkpoint are replaced; a trial that is run again
goes on from its checkpoint, and one that is complete returns at once.
"""

import traceback
from collections.abc import Callable
from typing import Literal

import torch

from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.checkpoint import Checkpoint
from pckd.study.paths import network_path
from pckd.study.placement import Placement
from pckd.study.preparations import prepared_for
from pckd.study.results import ResultsStore
from pckd.study.rows import data_columns, epoch_row
from pckd.study.teacher_accuracy import teacher_top1
from pckd.study.trial import Trial
from pckd.study.trial_row import TrialRow
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.named_teacher import known_teacher
from pckd.training.numerics import keep_freed_memory
from pckd.training.record import DivergedError, EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import prepare_data
from pckd.training.run_notices import run_notices
from pckd.training.teachers import TeacherCard, TeacherStore

Keep = Literal["last", "best", "none"]

CHOSEN_ON_TEST = "the best epoch was chosen on the test images, so its accuracy is too high"

TAUGHT_ANEW = "it was started over, as its teacher was trained again, to other weights"


def run_trial(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    keep: Keep = "last",
) -> str:
    """Train a trial to its end, or from where it was interrupted.

    A loss or an output that is not finite, or any other error of the training, makes the trial
    failed with a reason; an interruption (KeyboardInterrupt, SIGKILL, a full disk) leaves it
    running, to go on later.

    Args:
        trial: What to train.
        storage: The results root.
        placement: Where to compute. All ranks of a group call this; rank 0 writes.
        on_epoch: Called after each epoch that was trained, on every rank.
        keep: The student that is tested and kept: of the last or of the best epoch; none tests the
            last and keeps no file.

    Returns:
        The trial's status: completed or failed.

    Raises:
        OSError: The results root cannot be read or written, for example because the disk is full.
        InputError: The teacher has not been trained yet, or the data set is not there.
        Exception: Any other error of one rank of several: the ranks that wait for it must end too.
    """
    torch.set_num_threads(placement.threads)
    keep_freed_memory()
    row = TrialRow(trial, storage, placement)
    if row.is_completed:
        return "completed"
    checkpoint = Checkpoint(trial, storage)
    try:
        return _train(trial, storage, placement, row, checkpoint, on_epoch, keep)
    except (InputError, OSError):
        raise
    except DivergedError as error:
        if row.writes:
            checkpoint.delete()  # from there it would diverge again
        return row.fail(str(error))
    except RunError as error:
        return row.fail(str(error))
    except Exception as error:
        traceback.print_exc()
        if placement.group.size > 1:
            raise
        return row.fail(f"{type(error).__name__}: {error}")


def _train(
    trial: Trial,
    storage: Storage,
    placement: Placement,
    row: TrialRow,
    checkpoint: Checkpoint,
    on_epoch: Callable[[EpochRecord], None],
    keep: Keep,
) -> str:
    data = prepare_data(trial.config.data, trial.config.protocol)
    teachers = TeacherStore(storage)
    card = find_teacher(trial.config, teachers)
    teacher = None if card is None else teachers.load(card).network(placement.device)
    run = Run(
        trial.config,
        data,
        teacher,
        placement.device,
        placement.group,
        placement.bank_bytes,
        prepared_for(trial.config, storage, placement),
    )
    chosen_on_test = keep == "best" and trial.config.protocol == "paper"
    top1 = None
    if card is not None and teacher is not None:
        top1 = teacher_top1(card, teacher, run.data, placement.group, storage)
    is_taught_anew = row.teacher_before not in (None, card.hash if card else None)
    notices = [*run_notices(trial.config, data), *run.notices]
    notices += [*[CHOSEN_ON_TEST] * chosen_on_test, *[TAUGHT_ANEW] * is_taught_anew]
    row.add(data_columns(data, card, top1, notices))
    if not is_taught_anew:
        checkpoint.restore(run, keep_best=keep == "best")
    row.runs(checkpoint.records)
    while not run.finished:
        record = run.train_epoch()
        checkpoint.add(run, record, keep_best=keep == "best")
        if row.writes:
            epochs = [epoch_row(trial, item) for item in checkpoint.records]
            ResultsStore(storage, trial.study).write("epochs", trial.identity, epochs)
            checkpoint.save(run)
        row.runs(checkpoint.records)
        on_epoch(record)
    return _complete(trial, storage, run, row, checkpoint, keep)


def _complete(
    trial: Trial, storage: Storage, run: Run, row: TrialRow, checkpoint: Checkpoint, keep: Keep
) -> str:
    """Test the student, keep it, close the row, and delete the checkpoint, in this order."""
    if checkpoint.best is not None:
        run.student.load_state_dict(checkpoint.best)
    accuracy = run.evaluate(run.data.test)
    if row.writes and keep != "none":
        student = run.trained_network(trial.identity, accuracy.top1)
        storage.write(network_path(trial), student.to_bytes())
        row.add({"network": student.content_hash()})
    status = row.complete(accuracy)
    if row.writes:
        checkpoint.delete()
    return status


def find_teacher(config: RunConfig, teachers: TeacherStore) -> TeacherCard | None:
    """Load the trained teacher of a run; None if the run needs none.

    Raises:
        InputError: The teacher has not been trained yet, or the one that the run names by its
            hash is not there or does not suit.
    """
    card = known_teacher(config, teachers)
    if card is None and config.needs_teacher:
        raise InputError(
            f"{teachers.storage.root} holds no teacher {run_identity(config.teacher_run())}; train "
            "it with pckd teacher train"
        )
    return card
