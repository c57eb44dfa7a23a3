"""The task of a run: everything its terms know before the first step."""

from functools import lru_cache
from typing import Any

from pckd.errors import InputError
from pckd.method import NetworkShape, Off, Refused, Task, Term, find_term
from pckd.method.preparation import only_prepares
from pckd.models import outline, output_shapes
from pckd.training.config import RunConfig
from pckd.training.loss_config import Loss
from pckd.training.run_data import RunData


def task_of(config: RunConfig, data: RunData) -> Task:
    """Make the task of a run on its images, without building a network or training a teacher.

    Raises:
        InputError: A network cannot be built for as many classes.
    """
    classes, size = data.num_classes, data.image_size
    teacher = config.teacher if config.needs_teacher else None
    return Task(
        student=_shape(config.student, classes, size),
        teacher=None if teacher is None else _shape(teacher.model, classes, size),
        num_classes=classes,
        labels=data.train.labels,
        epochs=config.optimization.epochs,
    )


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
    if all(only_prepares(kind) for kind in kinds.values()):
        raise InputError(f"no term is left: {'; '.join(notices)}")
    return kinds, tuple(notices)


@lru_cache(maxsize=64)
def _shape(model: str, num_classes: int, image_size: tuple[int, int]) -> NetworkShape:
    shapes = output_shapes(outline(model, num_classes=num_classes), image_size)
    return NetworkShape(shapes.width, shapes.maps, shapes.maps_before_relu)
