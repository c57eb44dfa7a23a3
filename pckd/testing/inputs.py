"""Inputs of `evaluate_term`: their checks, and the precision that a term is computed in."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.method import Term, TermConfig
from pckd.testing.given import MAPS, given_tensor


def outputs_of(network: object, whose: str) -> dict[str, Any]:
    """A network's outputs, without what is None; logits of one view stand for both if need be.

    Args:
        network: A mapping, as it is given.
        whose: Name of the side, for messages.

    Raises:
        InputError: It is no mapping, or maps are no list.
    """
    if not isinstance(network, Mapping):
        raise InputError(f"{whose} must be a mapping of names such as logits to tensors")
    outputs = {name: value for name, value in network.items() if value is not None}
    for name in MAPS:
        if not isinstance(outputs.get(name, ()), Sequence):
            raise InputError(f"{whose}.{name} must be a list of tensors, the stem's first")
    alone = "logits" in outputs and "strong_logits" not in outputs
    return {**outputs, "strong_logits": outputs["logits"]} if alone else outputs


def whole_numbers(given: object, name: str) -> Tensor:
    """Numbers an image, int64 [B].

    Raises:
        InputError: They are something else.
    """
    try:
        numbers = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} are no tensor: {error}") from None
    whole = not (numbers.is_floating_point() or numbers.is_complex())
    if numbers.dim() != 1 or not whole or not len(numbers) or numbers.long().min() < 0:
        raise InputError(f"{name} must be whole numbers from 0, one an image: [B]")
    return numbers.long()


def check_labels(labels: Tensor, classes: int) -> None:
    """Refuse labels beyond the classes.

    Raises:
        InputError: There are some.
    """
    if labels.max() >= classes:
        raise InputError(f"labels go up to {labels.max()}, but there are {classes} classes from 0")


def check_needs(
    kind: type[Term[Any]],
    config: TermConfig,
    student: Mapping[str, Any],
    teacher: Mapping[str, Any] | None,
) -> None:
    """Refuse what a term cannot even be built without.

    Raises:
        InputError: The teacher is missing, or stage maps are.
    """
    needs = kind.needs(config)
    if needs.teacher and teacher is None:
        raise InputError(f"{kind.label} reads the teacher, which is not given")
    enough = MAPS if needs.maps_before_relu else ("maps",) * needs.maps
    for name, side in (("student", student), ("teacher", teacher or {})):
        if enough and not any(side.get(maps) for maps in enough):
            raise InputError(f"{kind.label} reads stage maps of the {name}, which are not given")


def known_labels(given: object, labels: Tensor, indices: Tensor, classes: int) -> Tensor:
    """The class of each training image, [N]; see `evaluate_term` where it is not given.

    Raises:
        InputError: The indices go beyond those that are given.
    """
    images = int(indices.max()) + 1
    if given is None:
        known = torch.arange(images) % classes
        known[indices] = labels
        return known
    known = whole_numbers(given, "training_labels")
    if len(known) < images:
        raise InputError(f"indices go up to {images - 1}, but training_labels are {len(known)}")
    return known


def precision_of(*sides: Mapping[str, Any]) -> torch.dtype:
    """The widest precision of all tensors of some networks' outputs."""
    tensors = (
        given_tensor(each, name)
        for side in sides
        for name, value in side.items()
        for each in (value if name in MAPS else [value])
    )
    found = [each.dtype for each in tensors]
    return reduce(torch.promote_types, found) if found else torch.get_default_dtype()


def in_training(precision: torch.dtype) -> torch.dtype:
    """The precision that training computes a term in: never half."""
    return torch.promote_types(precision, torch.float32)
