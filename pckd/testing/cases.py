"""Material for the checks of a term: pairs of networks, batches of random outputs, built terms."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pckd.method import Exchange, Needs, NetworkShape, Off, Refused, Step, Task, Term, TermConfig
from pckd.testing.given import GivenSide, given_side, given_step
from pckd.testing.terms import build_term

IMAGES = 6
CLASSES = 4
CLASSIFIER = ("centers", "bias")
TRAINING_LABELS = torch.arange(24) % CLASSES
Maps = tuple[tuple[int, int, int], ...]


class Pair(NamedTuple):
    """Sizes of a student and a teacher: width of the features, (C, H, W) of each map."""

    student_width: int
    student_maps: Maps
    teacher_width: int
    teacher_maps: Maps


SMALL: Maps = ((2, 4, 4), (3, 4, 4), (4, 2, 2))
WIDE: Maps = ((3, 4, 4), (5, 4, 4), (6, 2, 2))
HIGH: Maps = ((3, 8, 8), (4, 4, 4), (6, 4, 4))
PAIRS = (
    Pair(4, SMALL, 6, WIDE),
    Pair(4, SMALL, 4, SMALL),
    Pair(6, HIGH, 4, SMALL),
    Pair(4, SMALL, 6, HIGH),
)
"""A smaller student, twins, a student with larger maps and one with smaller maps."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Outputs of both networks for some images, as far as the term needs them."""

    student: GivenSide
    teacher: GivenSide | None
    labels: Tensor
    indices: Tensor | None

    def pick(self, places: Tensor) -> "Batch":
        """Return some of the images, in the order of their places."""
        return Batch(
            _picked(self.student, places),
            None if self.teacher is None else _picked(self.teacher, places),
            self.labels[places],
            None if self.indices is None else self.indices[places],
        )

    def step(self, exchange: Exchange | None = None, seed: int = 0) -> Step:
        """Return the step that a term gets."""
        return given_step(
            self.student,
            self.teacher,
            self.labels,
            indices=self.indices,
            seed=seed,
            exchange=exchange,
        )

    def with_leaves(self) -> tuple["Batch", list[Tensor], list[Tensor]]:
        """Return the batch, the student's and the teacher's tensors, all with their gradient."""
        student, ours = _leaves(self.student)
        teacher, theirs = (None, []) if self.teacher is None else _leaves(self.teacher)
        return replace(self, student=student, teacher=teacher), ours, theirs

    def rounded(self) -> "Batch":
        """Return the batch as networks in bfloat16 bring it: rounded to that, in float32."""

        def rounded(values: Tensor) -> Tensor:
            return values.bfloat16().float()

        teacher = None if self.teacher is None else _changed(self.teacher, rounded)
        return replace(self, student=_changed(self.student, rounded), teacher=teacher)

    def upright(self) -> "Batch":
        """Return the batch with the upright copy of each image in the place of the turned ones."""

        def repeated(values: Tensor) -> Tensor:
            return values[:, :1].expand_as(values)

        teacher = None if self.teacher is None else _changed(self.teacher, repeated)
        return replace(self, student=_changed(self.student, repeated), teacher=teacher)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""

        def moved(side: GivenSide) -> GivenSide:
            return GivenSide(*(_each(values, lambda each: each.to(device)) for values in side))

        return Batch(
            moved(self.student),
            None if self.teacher is None else moved(self.teacher),
            self.labels.to(device),
            None if self.indices is None else self.indices.to(device),
        )

    def perfect(self) -> "Batch":
        """Return the batch with the teacher's outputs as the student's, where they have one shape.

        Raises:
            ValueError: There is no teacher.
        """
        if self.teacher is None:
            raise ValueError("without a teacher no student is perfect")
        pairs = zip(self.student, self.teacher, strict=True)
        return replace(self, student=GivenSide(*(_alike(*pair) for pair in pairs)))

    def scaled(self, factor: float) -> "Batch":
        """Return the batch with the student's features, logits and maps times a factor."""
        return replace(self, student=_changed(self.student, lambda values: factor * values))


@dataclass(frozen=True, slots=True)
class Case:
    """A term with its settings and a pair of networks."""

    kind: type[Term[Any]]
    config: TermConfig
    pair: Pair

    @property
    def needs(self) -> Needs:
        """Return the term's needs."""
        return self.kind.needs(self.config)

    @property
    def unfit(self) -> Off | Refused | None:
        """Return why the term does not suit the pair, None if it does."""
        return self.kind.unfit(self.config, self._task())

    def new(self, precision: torch.dtype = torch.float64) -> Term[Any]:
        """Return the term before its first step, with BatchNorm statistics frozen."""
        term = build_term(self.kind, self.config, self._task(), precision)
        for layer in term.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
        return term

    def build(self, precision: torch.dtype = torch.float64) -> Term[Any]:
        """Return the term after one step on other images, with BatchNorm statistics frozen."""
        term = self.new(precision)
        with torch.no_grad():
            term(self.batch(seed=1, precision=precision).step())
        return term

    def batch(
        self,
        *,
        images: int = IMAGES,
        seed: int = 0,
        precision: torch.dtype = torch.float64,
        needs: Needs | None = None,
    ) -> Batch:
        """Return random outputs, as far as they are needed."""
        needs = needs or self.needs
        random = torch.Generator().manual_seed(seed)
        pair = self.pair
        labels = torch.arange(images) % CLASSES
        sides = [
            given_side(_outputs(images, needs, width, maps, random, precision), images)
            for width, maps in (
                (pair.student_width, pair.student_maps),
                (pair.teacher_width, pair.teacher_maps),
            )
        ]
        return Batch(
            student=sides[0],
            teacher=sides[1] if needs.teacher else None,
            labels=labels,
            indices=labels + CLASSES * torch.randperm(6, generator=random).repeat(images)[:images]
            if needs.indices
            else None,
        )

    def _task(self) -> Task:
        pair, needs = self.pair, self.needs
        shapes = [
            NetworkShape(width, maps if needs.maps else (), maps if needs.maps_before_relu else ())
            for width, maps in (
                (pair.student_width, pair.student_maps),
                (pair.teacher_width, pair.teacher_maps),
            )
        ]
        teacher = shapes[1] if needs.teacher else None
        return Task(shapes[0], teacher, CLASSES, TRAINING_LABELS, epochs=1)


def _leaves(side: GivenSide) -> tuple[GivenSide, list[Tensor]]:
    """Make every tensor of a side a leaf that requires its gradient; list these tensors."""
    found: list[Tensor] = []

    def leaf(value: Tensor) -> Tensor:
        found.append(value.detach().clone().requires_grad_())
        return found[-1]

    return GivenSide(*(_each(value, leaf) for value in side)), found


def _outputs(
    images: int,
    needs: Needs,
    width: int,
    maps: Maps,
    random: torch.Generator,
    precision: torch.dtype,
) -> dict[str, Any]:
    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64).to(precision)

    def stages() -> list[Tensor]:
        return [draw(images, needs.copies, *each) for each in maps]

    outputs: dict[str, Any] = {
        "features": draw(images, needs.copies, width),
        "logits": draw(images, needs.copies, CLASSES),
        "centers": draw(CLASSES, width),
        "bias": draw(CLASSES),
    }
    if needs.maps:
        outputs["maps"] = stages()
    if needs.maps_before_relu:
        outputs["maps_before_relu"] = stages()
    if needs.strong_view:
        outputs["strong_logits"] = draw(images, CLASSES)
    return outputs


def _picked(side: GivenSide, places: Tensor) -> GivenSide:
    return _changed(side, lambda values: values[places])


def _changed(side: GivenSide, change: Callable[[Tensor], Tensor]) -> GivenSide:
    """The side with a change of all that belongs to images; the classifier stays."""
    values: list[Any] = [
        value if name in CLASSIFIER else _each(value, change)
        for name, value in zip(side._fields, side, strict=True)
    ]
    return GivenSide(*values)


def _alike(own: Any, other: Any) -> Any:  # noqa: ANN401
    """Copies of the other tensors, where they have the shapes of the own ones."""
    if isinstance(own, Tensor):
        return other.clone() if own.shape == other.shape else own
    return type(own)(map(_alike, own, other)) if own else own


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401
    """Changed tensors: of one, of a tuple of them, or of none."""
    if isinstance(value, Tensor):
        return change(value)
    return type(value)(map(change, value)) if value else value
