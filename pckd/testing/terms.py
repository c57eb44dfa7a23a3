"""A term on given tensors, without networks, data or a run."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.method import Step, Task, Term, TermConfig, find_term
from pckd.settings import near_misses, validate
from pckd.testing.given import classes_of, given_side, given_step, task_of

AnyTerm = Term[Any]


def evaluate_term(
    term: str | type[AnyTerm],
    *,
    student: Mapping[str, Any],
    teacher: Mapping[str, Any] | None = None,
    labels: Any,  # noqa: ANN401
    indices: Any = None,  # noqa: ANN401
    epoch: int = 1,
    parameters: Mapping[str, Any] | None = None,
    parts: Mapping[str, Any] | None = None,
    training_labels: Any = None,  # noqa: ANN401
) -> Tensor:
    """A term's value on one batch: the mean over samples and copies, without its weight.

    A warm-up is part of the weight (`Term.weight_at`) and not of the value.

    Args:
        term: Its name, or its class.
        student: Outputs, as tensors, arrays or nested lists: `features` [B, d], `logits` [B, M],
            `centers` [M, d], `bias` [M], `maps` and `maps_before_relu`, lists of [B, C, H, W] from
            the stem to the last stage. All but the classifier may have an axis of rotated copies
            behind that of images. `strong_logits` [B, M] are those of a second view; without them
            `logits` stand for both views. Only what the term reads has to be there.
        teacher: The same of the teacher; None where the term needs none.
        labels: Class indices, [B].
        indices: Position of each image in the training set, [B]; by default 0 to B - 1.
        epoch: From 1.
        parameters: The term's settings where they differ from its defaults.
        parts: Entries of the state dict of its learned parts and state. What is not given starts
            as in a run of seed 0.
        training_labels: Class of each training image, [N]. By default N is the largest index + 1,
            and an image n outside the batch has the class n modulo M.

    Returns:
        A scalar in the tensors' own precision; the gradient flows to those that ask for one.

    Raises:
        InputError: Something is not known, has a shape that is not allowed, or is missing.
    """
    values = term_values(
        term,
        student=student,
        teacher=teacher,
        labels=labels,
        indices=indices,
        epoch=epoch,
        parameters=parameters,
        parts=parts,
        training_labels=training_labels,
    )
    return values.mean()


def term_values(
    term: str | type[AnyTerm],
    *,
    student: Mapping[str, Any],
    teacher: Mapping[str, Any] | None = None,
    labels: Any,  # noqa: ANN401
    indices: Any = None,  # noqa: ANN401
    epoch: int = 1,
    parameters: Mapping[str, Any] | None = None,
    parts: Mapping[str, Any] | None = None,
    training_labels: Any = None,  # noqa: ANN401
) -> Tensor:
    """A term's values on one batch, before their mean: [B], [B, K] or a scalar.

    The arguments are those of `evaluate_term`.
    """
    kind = find_term(term) if isinstance(term, str) else term
    labels = torch.as_tensor(labels)
    places = torch.arange(len(labels)) if indices is None else torch.as_tensor(indices)
    ours = given_side(_with_both_views(student), len(labels))
    theirs = None if teacher is None else given_side(_with_both_views(teacher), len(labels))
    classes = classes_of(ours) or int(labels.max()) + 1
    known = _training_labels(training_labels, labels, places, classes)
    config = validate(kind.Config, dict(parameters or {}), kind.label)
    task = task_of(ours, theirs, known, classes)
    module = build_term(kind, config, task, _precision(student))
    _load(module, parts or {})
    step = given_step(ours, theirs, labels, indices=places, epoch=epoch)
    return values_of(module, step)


def build_term(
    kind: type[AnyTerm], config: TermConfig, task: Task, precision: torch.dtype
) -> AnyTerm:
    """The term for a task, its learned parts drawn with seed 0.

    Raises:
        InputError: It does not suit the task.
    """
    unfit = kind.unfit(config, task)
    if unfit is not None:
        raise InputError(f"{kind.label} cannot be computed for this pair: {unfit.reason}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(config, task).to(precision)


def values_of(module: AnyTerm, step: Step) -> Tensor:
    """The term's values on a step."""
    values: Tensor = module(step)
    return values


def _with_both_views(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    if "logits" not in outputs:
        return outputs
    return {"strong_logits": outputs["logits"], **outputs}


def _training_labels(given: object, labels: Tensor, indices: Tensor, classes: int) -> Tensor:
    if given is not None:
        return torch.as_tensor(given)
    known = torch.arange(int(indices.max()) + 1) % classes
    known[indices] = labels
    return known


def _precision(outputs: Mapping[str, Any]) -> torch.dtype:
    tensors = (
        value[0] if isinstance(value, (list, tuple)) else value for value in outputs.values()
    )
    found = (torch.as_tensor(each).dtype for each in tensors)
    return next((each for each in found if each.is_floating_point), torch.get_default_dtype())


def _load(module: AnyTerm, parts: Mapping[str, Any]) -> None:
    """Put given tensors in the place of a term's own.

    Raises:
        InputError: The term has no such part, or it has another shape.
    """
    own = module.state_dict()
    for name, value in parts.items():
        if name not in own:
            allowed = sorted(own)
            raise InputError(
                f"parts: {name} is not a part of {module.label}{near_misses(name, allowed)}; "
                f"allowed: {', '.join(allowed) or 'none'}"
            )
        given = torch.as_tensor(value, dtype=own[name].dtype)
        if given.shape != own[name].shape:
            raise InputError(
                f"parts: {name} has the shape {tuple(given.shape)}, not {tuple(own[name].shape)}"
            )
        own[name] = given
    module.load_state_dict(own)
