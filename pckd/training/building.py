"""Building of a run's module: the student and its objective."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pckd.method import (
    STRATEGIES,
    Exchange,
    Needs,
    Objective,
    ObjectiveValue,
    Side,
    Task,
    Term,
    make_step,
)
from pckd.method.preparation import Prepared, PreparedTerm, only_prepares
from pckd.models import Network, create_model
from pckd.training.config import RunConfig
from pckd.training.encoding import encode
from pckd.training.run_data import RunData
from pckd.training.task import fitting_terms, task_of


class Moment(NamedTuple):
    """A point in training."""

    epoch: int
    """From 1."""
    threshold: float
    """t of Eq. 7, the threshold."""
    seed: int
    """Seed of the random numbers that terms draw."""


class Views(NamedTuple):
    """All views of some images, normalised."""

    plain: Tensor
    """[B, K, 3, H, W]."""
    strong: Tensor | None = None
    """[B, 1, 3, H, W]; None where nobody needs them."""


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
        self,
        views: Views,
        teacher: Side | None,
        labels: Tensor,
        indices: Tensor,
        moment: Moment,
    ) -> ObjectiveValue:
        """Evaluate the objective.

        Args:
            views: Of each image.
            teacher: The frozen teacher's outputs for the same views; None without one.
            labels: [B].
            indices: Position of each image in the training set, [B].
            moment: The point in training.
        """
        step = make_step(
            encode(self.student, views.plain, self.needs, views.strong),
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
    """Module of a run, with notices for its user."""

    module: Distillation
    notices: tuple[str, ...]


def build(
    config: RunConfig,
    data: RunData,
    exchange: Exchange,
    prepared: Mapping[str, Prepared] | None = None,
) -> Built:
    """Student, terms and objective, initialised from the run's seed alone.

    Args:
        config: The run.
        data: Its images.
        exchange: How data-parallel processes see each other.
        prepared: What was prepared for each term that has a preparation.

    Raises:
        InputError: A term cannot be computed for this pair of networks, or none is left.
    """
    task = task_of(config, data)
    kinds, notices = fitting_terms(config.loss, task)
    needs = config.loss.needs
    student = new_student(config, data)
    terms = _built(config, kinds, task)
    notices += _take_over(
        prepared or {}, student, terms, [name for name in config.loss.prepared if name in kinds]
    )
    student.shows_before_relu = needs.maps_before_relu
    objective = Objective(
        terms, weigh=STRATEGIES[config.preview.strategy], applies_to=config.preview.applies_to
    )
    return Built(Distillation(student, objective, needs, exchange), notices + _of_parts(config))


def new_student(config: RunConfig, data: RunData) -> Network:
    """The student as it starts, drawn from the run's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return create_model(config.student, num_classes=data.num_classes)


def _of_parts(config: RunConfig) -> tuple[str, ...]:
    """Make the notice for terms that relate images which never meet in one part of a batch."""
    related = config.loss.that_need(lambda needs: needs.whole_batch)
    if config.optimization.accumulation == 1 or not related:
        return ()
    verb = "relates" if len(related) == 1 else "relate"
    return (
        f"{', '.join(related)} {verb} the images of each part of a batch, not of the whole: "
        f"optimization.accumulation is {config.optimization.accumulation}",
    )


def _built(
    config: RunConfig, kinds: dict[str, type[Term[Any]]], task: Task
) -> dict[str, Term[Any]]:
    """The terms with their learned parts, by name.

    Each draws from a generator of its own, so that what else is on moves nothing.
    """
    terms = {}
    with torch.random.fork_rng(devices=[]):
        for name, kind in sorted(kinds.items()):
            if not only_prepares(kind):
                torch.manual_seed(zlib.crc32(f"{config.seed} {name}".encode()))
                terms[name] = kind(config.loss[name], task)
    return terms


def _take_over(
    prepared: Mapping[str, Prepared],
    student: Network,
    terms: Mapping[str, Term[Any]],
    asking: Sequence[str],
) -> tuple[str, ...]:
    """Give student and terms what was prepared for them; a notice for each that has nothing."""
    for name in asking:
        if name in prepared:
            student.load_state_dict(prepared[name].student or student.state_dict())
            if isinstance(term := terms.get(name), PreparedTerm):
                term.take_over(prepared[name].parts)
    return tuple(f"{name} is not prepared" for name in asking if name not in prepared)
