"""From a `RunConfig` to the module that computes: the student and its objective."""

import zlib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pckd.errors import InputError
from pckd.method import (
    STRATEGIES,
    Exchange,
    Needs,
    NetworkShape,
    Objective,
    ObjectiveValue,
    Off,
    Refused,
    Side,
    Task,
    Term,
    find_term,
    make_step,
)
from pckd.models import Network, create_model, output_shapes
from pckd.training.config import RunConfig
from pckd.training.encoding import encode
from pckd.training.loss_config import Loss
from pckd.training.run_data import RunData

FIRST_BUILT = ("feature_alignment", "center_contrast")
"""Terms that draw their learned parts from the run's own generator, in this order."""


class Moment(NamedTuple):
    """A point in training."""

    epoch: int
    """From 1."""
    threshold: float
    """t of Eq. 7."""
    seed: int
    """Of the random numbers that terms draw."""


class Distillation(nn.Module):
    """Student and objective in one module: its forward pass is the objective on one batch."""

    def __init__(
        self, student: Network, objective: Objective, needs: Needs, exchange: Exchange
    ) -> None:
        super().__init__()
        self.student = student
        self.objective = objective
        self.needs = needs
        self.exchange = exchange

    def forward(
        self, views: Tensor, teacher: Side | None, labels: Tensor, indices: Tensor, moment: Moment
    ) -> ObjectiveValue:
        """Evaluate the objective.

        Args:
            views: [B, K, 3, H, W].
            teacher: The frozen teacher's outputs for the same views; None without one.
            labels: [B].
            indices: Position of each image in the training set, [B].
            moment: The point in training.
        """
        step = make_step(
            encode(self.student, views, self.needs),
            teacher,
            labels,
            self.exchange,
            indices=indices,
            epoch=moment.epoch,
            seed=moment.seed,
        )
        value: ObjectiveValue = self.objective(step, moment.threshold)
        return value


class Built(NamedTuple):
    """What a run computes with, and what its user should know."""

    module: Distillation
    notices: tuple[str, ...]


def build(
    config: RunConfig,
    data: RunData,
    teacher: Network | None,
    exchange: Exchange,
) -> Built:
    """Student, terms and objective, initialised from the run's seed alone.

    Args:
        config: The run.
        data: Its images.
        teacher: The trained teacher, or None where no term needs one.
        exchange: How data-parallel processes see each other.

    Raises:
        InputError: A term cannot be computed for this pair of networks, or none is left.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        student = create_model(config.student, num_classes=data.num_classes)
        student.shows_before_relu = config.loss.needs.maps_before_relu
        task = Task(
            student=_shape(student, data),
            teacher=None if teacher is None else _shape(teacher, data),
            num_classes=data.num_classes,
            labels=data.train.labels,
            epochs=config.optimization.epochs,
        )
        kinds, notices = fitting_terms(config.loss, task)
        terms = _built(config, kinds, task)
    objective = Objective(
        terms, weigh=STRATEGIES[config.preview.strategy], applies_to=config.preview.applies_to
    )
    return Built(Distillation(student, objective, config.loss.needs, exchange), notices)


def fitting_terms(loss: Loss, task: Task) -> tuple[dict[str, type[Term[Any]]], tuple[str, ...]]:
    """The terms that are on and suit the task, and a notice for each that is off for it.

    Raises:
        InputError: A term refuses the task, or no term is left.
    """
    kinds: dict[str, type[Term[Any]]] = {}
    notices = []
    for name, config in loss.active.items():
        kind = find_term(name)
        match kind.unfit(config, task):
            case Refused(reason):
                raise InputError(f"{name} cannot be computed for this pair: {reason}")
            case Off(reason):
                notices.append(f"{name} is off for this pair: {reason}")
            case None:
                kinds[name] = kind
    if not kinds:
        raise InputError(f"no term is left: {'; '.join(notices)}")
    return kinds, tuple(notices)


def _built(
    config: RunConfig, kinds: dict[str, type[Term[Any]]], task: Task
) -> dict[str, Term[Any]]:
    """The terms with their learned parts.

    Each further term draws from a generator of its own, so that what else is on moves nothing.
    """
    terms = {name: kinds[name](config.loss[name], task) for name in FIRST_BUILT if name in kinds}
    for name in sorted(kinds.keys() - terms.keys()):
        torch.manual_seed(zlib.crc32(f"{config.seed} {name}".encode()))
        terms[name] = kinds[name](config.loss[name], task)
    return terms


def _shape(network: Network, data: RunData) -> NetworkShape:
    shapes = output_shapes(network, data.image_size)
    return NetworkShape(shapes.width, shapes.maps, shapes.maps_before_relu)
