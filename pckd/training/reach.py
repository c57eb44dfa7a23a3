"""Parts of a student that the terms of a run train, found by one step on made-up outputs."""

from typing import Any

import torch
from torch import Tensor

from pckd.method import Needs, NetworkShape, Side, SingleProcess, Task, Term, make_step
from pckd.training.config import RunConfig
from pckd.training.task import fitting_terms

IMAGES = 8
"""Images of the made-up batch, at most: enough for terms that relate images."""

STAGES, WEIGHT, BIAS = "stages", "the weight of the classifier", "the bias of the classifier"


def untrained_parts(config: RunConfig, task: Task) -> tuple[str, ...]:
    """Parts of the student that get no gradient from any term: `STAGES`, `WEIGHT`, `BIAS`.

    Cross entropy trains them all. Without it the terms are evaluated once, on random outputs.

    Args:
        config: The run.
        task: Its task.

    Raises:
        InputError: A term does not suit the task.
    """
    if "cross_entropy" in config.loss.trained:
        return ()
    kinds, _ = fitting_terms(config.loss, task)
    names = [name for name in config.loss.trained if name in kinds]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        terms = [kinds[name](config.loss[name], task) for name in names]
        return _untrained(terms, config.loss.needs, task)


def _untrained(terms: list[Term[Any]], needs: Needs, task: Task) -> tuple[str, ...]:
    indices = torch.arange(min(IMAGES, len(task.labels)))
    student = _outputs(task.student, task.num_classes, len(indices), needs, learns=True)
    teacher = None
    if task.teacher is not None:
        teacher = _outputs(task.teacher, task.num_classes, len(indices), needs, learns=False)
    step = make_step(student, teacher, task.labels[indices], SingleProcess(), indices=indices)
    parts = {
        STAGES: [student.features, *student.maps, *student.maps_before_relu],
        WEIGHT: [student.centers],
        BIAS: [student.bias],
    }
    total = torch.stack([term(step).mean() for term in terms]).sum()
    if not total.requires_grad:
        return tuple(parts)
    return tuple(name for name, tensors in parts.items() if not _reached(total, tensors))


def _reached(total: Tensor, tensors: list[Tensor]) -> bool:
    """Return whether a gradient flows from the total into any of some tensors."""
    found = torch.autograd.grad(total, tensors, retain_graph=True, allow_unused=True)
    return any(each is not None for each in found)


def _outputs(shape: NetworkShape, classes: int, images: int, needs: Needs, *, learns: bool) -> Side:
    """Random outputs of a network; logits follow from its features, as in a network."""

    def draw(*size: int) -> Tensor:
        return torch.randn(size, requires_grad=learns)

    features = draw(images, needs.copies, shape.width)
    centers, bias = draw(classes, shape.width), draw(classes)
    maps, before = (
        tuple(draw(images, needs.copies, *size) for size in sizes) if needed else ()
        for sizes, needed in (
            (shape.maps, needs.maps),
            (shape.maps_before_relu, needs.maps_before_relu),
        )
    )
    logits = features @ centers.T + bias
    strong = logits[:, :1] if needs.strong_view else None
    return Side(features, logits, centers, bias, maps, before, strong)
