"""Steps made of given tensors: other fields cannot be read, and reads are recorded."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.method import NetworkShape, Side, SingleProcess, Step, Task
from pckd.method.exchange import Exchange
from pckd.method.terms.cross_entropy import cross_entropy

VALUES = ("features", "logits", "centers", "bias")
MAPS = ("maps", "maps_before_relu")
STRONG = "strong_logits"
AXES = {2: "M, d", 1: "M"}
"""Axes of the category centres and of the bias, by their number."""


class _NoMaps(tuple[Tensor, ...]):
    """No maps were given: an error where one is asked for, in a loop too."""

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401
        raise InputError("the term reads stage maps, which are not given")

    def __iter__(self) -> Iterator[Tensor]:
        return iter([self[0]])

    def __len__(self) -> int:
        return len(self[0])

    def __bool__(self) -> bool:
        return False


class GivenSide(Side):
    """One network's outputs, as far as they are given."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401
        """Return a field.

        Raises:
            InputError: It was not given.
        """
        value = super().__getattribute__(name)
        if value is None and name in Side._fields:
            raise InputError(f"the term reads {name}, which are not given")
        return value


class GivenStep(Step):
    """A step, as far as it is given."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401
        """Return a field.

        Raises:
            InputError: It was not given.
        """
        value = super().__getattribute__(name)
        if value is None and name in ("entropy", "indices"):
            raise InputError(f"the term reads {name}, which cannot be told from what is given")
        return value

    def taught(self) -> Side:
        """Return the teacher's side.

        Raises:
            InputError: It was not given.
        """
        if self.teacher is None:
            raise InputError("the term reads the teacher, which is not given")
        return self.teacher


def given_side(
    values: Mapping[str, Any], images: int, precision: torch.dtype | None = None, whose: str = ""
) -> GivenSide:
    """Outputs of one network.

    Args:
        values: Tensors, arrays or nested lists: `features` [B, d] or [B, K, d], `logits` [B, M] or
            [B, K, M], `strong_logits` [B, M] or [B, 1, M], `centers` [M, d], `bias` [M], `maps` and
            `maps_before_relu`, lists of [B, C, H, W] or [B, K, C, H, W] from the stem to the last
            stage. Any may be missing.
        images: B.
        precision: Of all tensors; their own by default.
        whose: Name of the side, for messages.

    Raises:
        InputError: A key is not known, a value is no tensor, or a tensor has another number of axes
            or images.
    """
    known, at = (*VALUES, *MAPS, STRONG), f"{whose}." if whose else ""
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(f"{at}{unknown[0]} is not known; allowed: {', '.join(known)}")

    def tensor(value: object, name: str) -> Tensor:
        found = given_tensor(value, f"{at}{name}")
        return found if precision is None else found.to(precision)

    tensors = {name: tensor(values[name], name) for name in (*VALUES, STRONG) if name in values}
    for name in ("features", "logits", STRONG):
        if name in tensors:
            tensors[name] = _by_copy(tensors[name], f"{at}{name}", axes=3, images=images)
    for name, axes in (("centers", 2), ("bias", 1)):
        if name in tensors and tensors[name].dim() != axes:
            shape = tuple(tensors[name].shape)
            raise InputError(f"{at}{name} has the shape {shape}: [{AXES[axes]}] is allowed")
    maps = {
        name: tuple(
            _by_copy(tensor(each, name), f"{at}{name}", axes=5, images=images)
            for each in values[name]
        )
        for name in MAPS
        if values.get(name)
    }
    outputs: list[Any] = [
        *(tensors.get(name) for name in VALUES),
        *(maps.get(name, _NoMaps()) for name in MAPS),
        tensors.get(STRONG),
    ]
    return GivenSide(*outputs)


def given_step(
    student: Side,
    teacher: Side | None,
    labels: Tensor,
    *,
    indices: Tensor | None,
    epoch: int = 1,
    seed: int = 0,
    exchange: Exchange | None = None,
) -> GivenStep:
    """One step with these outputs; the entropy follows from the student's logits."""
    logits = _given(student, "logits")
    entropy: Any = None if logits is None else cross_entropy(logits[:, 0], labels)
    positions: Any = indices
    return GivenStep(
        student=student,
        teacher=teacher,
        labels=labels,
        entropy=entropy,
        exchange=exchange or SingleProcess(),
        indices=positions,
        epoch=epoch,
        seed=seed,
    )


def task_of(student: Side, teacher: Side | None, training_labels: Tensor, num_classes: int) -> Task:
    """Make the task that these outputs belong to."""
    return Task(
        student=_shape(student),
        teacher=None if teacher is None else _shape(teacher),
        num_classes=num_classes,
        labels=training_labels,
        epochs=1,
    )


def classes_of(side: Side) -> int | None:
    """M, None where nothing tells."""
    for name, axis in (("centers", 0), ("bias", 0), ("logits", -1)):
        given = _given(side, name)
        if given is not None:
            return int(given.shape[axis])
    return None


def _shape(side: Side) -> NetworkShape:
    widths = [_given(side, name) for name in ("features", "centers")]
    return NetworkShape(
        next((each.shape[-1] for each in widths if each is not None), 0),
        *(tuple(tuple(each.shape[2:]) for each in _given(side, name) or ()) for name in MAPS),
    )


def _given(side: Side, name: str) -> Any:  # noqa: ANN401
    """A field, None where it was not given."""
    return tuple.__getitem__(side, Side._fields.index(name))


def given_tensor(value: object, name: str) -> Tensor:
    """Numbers as a tensor, whole ones in the default precision.

    Raises:
        InputError: They are no numbers, or not of one length.
    """
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is no tensor: {error}") from None
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def _by_copy(tensor: Tensor, name: str, *, axes: int, images: int) -> Tensor:
    """The tensor with an axis of copies behind that of images."""
    shaped = tensor.unsqueeze(1) if tensor.dim() == axes - 1 else tensor
    if shaped.dim() != axes or len(shaped) != images:
        raise InputError(
            f"{name} has the shape {tuple(tensor.shape)}: {axes - 1} axes, or {axes} with copies, "
            f"are allowed, and {images} images as in labels"
        )
    return shaped
