"""A term on given tensors, without networks, data or a run."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from pckd.errors import InputError, first_line
from pckd.method import Step, Task, Term, TermConfig, find_term
from pckd.near_misses import near_misses
from pckd.settings import validate
from pckd.testing.given import classes_of, given_side, given_step, given_tensor, task_of
from pckd.testing.inputs import (
    check_labels,
    check_needs,
    in_training,
    known_labels,
    outputs_of,
    precision_of,
    whole_numbers,
)

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
        A scalar in the tensors' own precision, the widest of several; half precision is computed
        in float32, as in training. The gradient flows to the tensors that ask for one.

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
    sides = (outputs_of(side or {}, "side") for side in (student, teacher))
    return values.mean().to(precision_of(*sides))


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

    The arguments are those of `evaluate_term`. What is given in half precision counts as float32.
    """
    kind = class_of(term)
    config = validate(kind.Config, {} if parameters is None else parameters, kind.label)
    labels = whole_numbers(labels, "labels")
    places = torch.arange(len(labels)) if indices is None else whole_numbers(indices, "indices")
    if len(places) != len(labels):
        raise InputError(f"indices are {len(places)}, but labels {len(labels)}: give one an image")
    student = outputs_of(student, "student")
    teacher = None if teacher is None else outputs_of(teacher, "teacher")
    precision = in_training(precision_of(student, teacher or {}))
    ours = given_side(student, len(labels), precision, "student")
    theirs = None
    if teacher is not None:
        theirs = given_side(teacher, len(labels), precision, "teacher")
    classes = classes_of(ours) or int(labels.max()) + 1
    check_labels(labels, classes)
    known = known_labels(training_labels, labels, places, classes)
    check_needs(kind, config, student, teacher)
    task = task_of(ours, theirs, known, classes)
    module = build_term(kind, config, task, precision)
    given = _given_parts(module, parts or {}, len(known))
    step = given_step(ours, theirs, labels, indices=places, epoch=epoch)
    return values_of(module, step, given)


def class_of(term: str | type[AnyTerm]) -> type[AnyTerm]:
    """The class of a term that is named, or given itself.

    Raises:
        InputError: There is no such term, or it is no term at all.
    """
    kind: object = find_term(term) if isinstance(term, str) else term
    if not (isinstance(kind, type) and issubclass(kind, Term)):
        raise InputError(f"{term!r} is no term: give its name, or its class")
    return kind


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


def values_of(module: AnyTerm, step: Step, parts: Mapping[str, Tensor] | None = None) -> Tensor:
    """The term's values on a step.

    Args:
        module: The term.
        step: The step.
        parts: Tensors in the place of its own, by name in its state dict.

    Raises:
        InputError: The tensors do not fit together, in the words of PyTorch.
    """
    try:
        values: Tensor = functional_call(module, dict(parts or {}), (step,))
    except (RuntimeError, ValueError, IndexError) as error:
        copies = module.needs(module.config).copies
        asked = f"; in training it gets {copies} copies of each image, [B, {copies}, ...]"
        advice = asked if copies > 1 else ""
        raise InputError(f"{module.label} of these tensors: {first_line(error)}{advice}") from error
    return values


def _given_parts(module: AnyTerm, parts: Mapping[str, Any], images: int) -> dict[str, Tensor]:
    """Copies of given tensors that can stand for a term's own; the gradient flows through them.

    Args:
        module: The term.
        parts: By name in its state dict.
        images: N, of the training set.

    Raises:
        InputError: The term has no such part, or it has another shape.
    """
    if not isinstance(parts, Mapping):
        raise InputError(f"parts of {module.label} must be a mapping of names to tensors")
    own, copies = module.state_dict(), {}
    for name, value in parts.items():
        if name not in own:
            allowed = sorted(own)
            raise InputError(
                f"parts: {name} is not a part of {module.label}{near_misses(name, allowed)}; "
                f"allowed: {', '.join(allowed) or 'none'}"
            )
        given = given_tensor(value, f"parts: {name}").to(own[name].dtype)
        if given.shape != own[name].shape:
            by_image = given.shape[1:] == own[name].shape[1:] and len(own[name]) == images
            advice = f"; training_labels would say that there are {len(given)}" if by_image else ""
            raise InputError(
                f"parts: {name} has the shape {tuple(given.shape)}, not {tuple(own[name].shape)}"
                f"{advice}"
            )
        copies[name] = given.clone()
    return copies
