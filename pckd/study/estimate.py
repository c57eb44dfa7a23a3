"""Cost of a study: epochs, hours extrapolated from a few timed steps, and disk space."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from pckd.data.splits import ImageSplit
from pckd.models import Network, create_model
from pckd.study.placement import Placement
from pckd.study.rows import epoch_row, trial_columns
from pckd.study.table_files import Row, to_parquet, to_table
from pckd.study.trial import Trial
from pckd.training.config import RunConfig
from pckd.training.record import EpochRecord
from pckd.training.run import Run
from pckd.training.run_data import RunData, prepare_data

WARM_UP = 2
"""Batches of the first, slow steps, which are not counted."""

TIMED = 6
"""Batches that are timed, full ones where there are enough images."""

ROUNDS = 9
"""Largest number of timings."""

SECONDS = 3.0
"""Seconds after which steps are not timed again, if few runs are timed."""

ALL_SECONDS = 60.0
"""Seconds that many runs share."""

CALIBRATING = 8
"""Images of noise that BatchNorm of an untrained teacher sees."""

EVALUATED = 1000
"""Images of the timed evaluation, at most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost of some trials, one after the other, on one worker of this machine."""

    seconds: float
    epochs: int
    student_bytes: int
    table_bytes: int
    """Bytes of their files in the result tables, before they are merged."""

    def plus(self, times: int, one: "Estimate") -> "Estimate":
        """Sum of this cost and of several trials of another."""
        return Estimate(
            self.seconds + times * one.seconds,
            self.epochs + times * one.epochs,
            self.student_bytes + times * one.student_bytes,
            self.table_bytes + times * one.table_bytes,
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """Time of an epoch of a run, and the bytes that a trial of it leaves."""

    seconds: float
    student_bytes: int
    record: EpochRecord


def estimate(trials: Sequence[Trial], placement: Placement) -> Estimate:
    """Cost of trials: one timing for each distinct run among them, summed over all.

    The teacher's weights do not matter for this: it is not trained, and looks at every view, which
    is an upper bound for studies with a bank.

    Raises:
        InputError: A data set cannot be opened.
    """
    timings = _timings(trials, placement)
    alike: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    for trial in trials:
        alike[what_takes_time(trial.config), trial.config.optimization.epochs].append(trial)
    total = Estimate(0.0, 0, 0, 0)
    for (key, _), group in alike.items():
        total = total.plus(len(group), _cost_of_one(group[0], timings[key]))
    return total


def estimate_each(trials: Sequence[Trial], placement: Placement) -> list[Estimate]:
    """Cost of each of some trials, as `estimate`."""
    timings = _timings(trials, placement)
    return [_cost_of_one(trial, timings[what_takes_time(trial.config)]) for trial in trials]


def _timings(trials: Sequence[Trial], placement: Placement) -> dict[str, Timing]:
    torch.set_num_threads(placement.threads)
    configs = {what_takes_time(trial.config): trial.config for trial in trials}
    patience = patience_for(len(configs))
    return {key: _time(config, placement, patience) for key, config in configs.items()}


def patience_for(runs: int) -> float:
    """Seconds after which each of some runs is not timed again."""
    return min(SECONDS, ALL_SECONDS / max(runs, 1))


def _cost_of_one(trial: Trial, timing: Timing) -> Estimate:
    epochs = trial.config.optimization.epochs
    tables = _file_size("trials", [trial_columns(trial)])
    tables += _file_size("epochs", [epoch_row(trial, timing.record)] * epochs)
    return Estimate(timing.seconds * epochs, epochs, timing.student_bytes, tables)


def what_takes_time(config: RunConfig) -> str:
    """Key of a run, the same for runs whose epochs take equally long."""
    optimization = config.optimization
    teacher = config.teacher.model if config.teacher and config.needs_teacher else None
    parts = (config.data, config.protocol, config.student, teacher)
    # Settings of a term decide what it needs, such as a second, strong view of each image.
    terms = (sorted(config.loss.active), config.loss.needs)
    shape = (optimization.batch_size, optimization.accumulation)
    return repr((*parts, *terms, *shape, optimization.precision, optimization.compile))


def _time(config: RunConfig, placement: Placement, patience: float) -> Timing:
    """Seconds of a whole epoch, from warm steps over full batches and a warm evaluation."""
    run = untrained_run(config.model_copy(update={"bank": False}), placement)
    whole, batch = run.data, config.optimization.batch_size
    tested = first_images(whole.evaluation, EVALUATED)
    run.data = replace(whole, train=first_images(whole.train, WARM_UP * batch), evaluation=tested)
    run.train_epoch()
    run.data = replace(run.data, train=first_images(whole.train, TIMED * batch))
    record = _median_epoch(run, patience)
    training = len(run.data.train) / record.images_per_second
    evaluation = (record.seconds - training) * len(whole.evaluation) / len(tested)
    state = run.student.state_dict().values()
    return Timing(
        len(whole.train) / record.images_per_second + evaluation,
        sum(value.nbytes for value in state),
        record,
    )


def _median_epoch(run: Run, patience: float) -> EpochRecord:
    """The median of some epochs: other work on the machine slows single ones."""
    records: list[EpochRecord] = []
    while len(records) < ROUNDS and sum(record.seconds for record in records) < patience:
        records.append(run.train_epoch())
    return sorted(records, key=lambda record: record.seconds)[len(records) // 2]


def first_images(images: ImageSplit, count: int) -> ImageSplit:
    """The first images of a split, all if there are fewer."""
    return images.at(torch.arange(min(count, len(images))))


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
        teacher = untrained_teacher(config.teacher.model, data)
    return Run(config, data, teacher, placement.device)


def untrained_teacher(name: str, data: RunData) -> Network:
    """A network of random weights whose BatchNorm has seen a batch of noise, in eval mode.

    Without, the answers of deep networks overflow, and no student learns from them.
    """
    network = create_model(name, num_classes=data.num_classes).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the running statistics become those of the first batch
    with torch.no_grad():
        network(torch.randn(CALIBRATING, 3, *data.image_size))
    return network.eval()
