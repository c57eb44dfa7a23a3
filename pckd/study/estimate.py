"""Cost of a study: epochs, hours extrapolated from a few timed steps, and disk space."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pckd.models import create_model
from pckd.study.placement import Placement
from pckd.study.results import Row, to_parquet, to_table
from pckd.study.rows import epoch_row, trial_columns
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.run import Run
from pckd.training.run_data import prepare_data

TIMED_IMAGES_PER_CLASS = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of one trial on one worker of this machine."""

    seconds: float
    student_bytes: int
    table_bytes: int
    """Bytes of its files in the result tables, before they are merged."""


def estimate(trial: Trial, placement: Placement) -> Estimate:
    """The cost of a trial, from one epoch over two images a class and one evaluation.

    The teacher's weights do not matter for this: it is not trained, and looks at every view, which
    is an upper bound for studies with a bank.

    Raises:
        InputError: The data set cannot be opened.
    """
    torch.set_num_threads(placement.threads)
    config = trial.config
    images = len(prepare_data(config.data, config.protocol).train)
    short = config.model_copy(
        update={
            "data": config.data.model_copy(update={"images_per_class": TIMED_IMAGES_PER_CLASS}),
            "protocol": "paper",
            "bank": False,
        }
    )
    run = untrained_run(short, placement)
    record = run.train_epoch()
    timed = len(run.data.train) / record.images_per_second
    epoch = images / record.images_per_second + (record.seconds - timed)
    epochs = config.optimization.epochs
    state = run.student.state_dict().values()
    tables = _file_size("trials", [trial_columns(trial)])
    tables += _file_size("epochs", [epoch_row(trial, record)] * epochs)
    return Estimate(epoch * epochs, sum(value.nbytes for value in state), tables)


def _file_size(table: str, rows: Sequence[Row]) -> int:
    return len(to_parquet(to_table(table, rows)))


def untrained_run(config: RunConfig, placement: Placement) -> Run:
    """Build a run that costs as much as the real one, with a teacher of random weights.

    Raises:
        InputError: The data set cannot be opened.
    """
    data = prepare_data(config.data, config.protocol)
    teacher = None
    if config.teacher is not None and config.needs_teacher:
        teacher = create_model(config.teacher.model, num_classes=data.num_classes)
    return Run(config, data, teacher, placement.device)
