"""The seam between a training step and a loss term: `Needs`, `Side`, `Step`, `Task`, `Term`.

A term lives in a file of its own below `pckd/method/terms/`, which holds its equation, its
configuration and its module. `docs/terms.md` shows how to write one.

Symbols: B images, K rotated copies of each (1 or 4), M classes, d feature width, C channels, H and
W height and width of a stage map, N training images.
"""

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.method.exchange import Exchange
from pckd.settings import Settings


class TermConfig(Settings):
    """Settings that every term has."""

    weight: float = Field(1.0, ge=0, description="factor of the term in the sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Inputs that a term needs from a step; the union over a run's terms is computed."""

    teacher: bool = True
    """A trained teacher."""
    copies: Literal[1, 4] = 1
    """Copies of each image, rotated by 0, 90, 180 and 270 degrees; copy 0 is upright."""
    maps: bool = False
    """Stage maps of both networks."""
    maps_before_relu: bool = False
    """Stage maps of both networks before their last ReLU."""
    strong_view: bool = False
    """Outputs of both networks for a second, strongly changed view of each image."""
    indices: bool = False
    """The position of each image in the training set."""
    whole_batch: bool = False
    """The term relates samples to each other, so a part of a batch is not worth the whole."""

    def __or__(self, other: "Needs") -> "Needs":
        """Return what both together need."""
        return Needs(
            **{
                field.name: max(getattr(self, field.name), getattr(other, field.name))
                for field in fields(self)
            }
        )

    @property
    def beyond_a_bank(self) -> str:
        """Name the teacher's outputs that are needed but in no bank; '' if a bank is enough.

        A bank keeps pooled features of the plain views, from which logits follow.
        """
        needed = {
            "stage maps": self.maps or self.maps_before_relu,
            "strong views": self.strong_view,
        }
        return " and ".join(name for name, is_needed in needed.items() if is_needed)


class Side(NamedTuple):
    """Outputs of one network for a batch, and its classifier."""

    features: Tensor
    """Pooled features, the input of the classifier: [B, K, d]."""
    logits: Tensor
    """[B, K, M]."""
    centers: Tensor
    """Category centres, the rows of the classifier's weight: [M, d]."""
    bias: Tensor
    """The classifier's bias, [M]."""
    maps: tuple[Tensor, ...] = ()
    """Output of the stem and of each stage, [B, K, C, H, W]; () where nobody needs them."""
    maps_before_relu: tuple[Tensor, ...] = ()
    """The same before the last ReLU of each; () where nobody needs them."""
    strong_logits: Tensor | None = None
    """Logits of the second, strongly changed view, [B, 1, M]; None where nobody needs them."""

    def strong(self) -> Tensor:
        """Return the logits of the strong view, [B, M].

        Raises:
            ValueError: There is no such view.
        """
        if self.strong_logits is None:
            raise ValueError("this term cannot be computed without strong views")
        return self.strong_logits[:, 0]


class Step(NamedTuple):
    """One batch of one training step, as every term sees it."""

    student: Side
    """With gradient, in full precision."""
    teacher: Side | None
    """Without gradient; None where no term needs one."""
    labels: Tensor
    """Class indices: int64 [B]."""
    entropy: Tensor
    """The student's cross entropy of copy 0, in nats: [B], with gradient."""
    exchange: Exchange
    """The processes that share the global batch."""
    indices: Tensor
    """Position of each image in the training set: int64 [B]."""
    epoch: int = 1
    """From 1."""
    seed: int = 0
    """Seed of this step's random numbers: the same in all processes, another in each step."""

    def generator(self, name: str) -> torch.Generator:
        """Return a source of random numbers for this step, the same in all processes.

        Args:
            name: The term that draws: terms do not share their random numbers.
        """
        generator = torch.Generator(self.labels.device)
        return generator.manual_seed(zlib.crc32(f"{self.seed} {name}".encode()))

    def taught(self) -> Side:
        """Return the teacher's side.

        Raises:
            ValueError: There is no teacher.
        """
        if self.teacher is None:
            raise ValueError("this term cannot be computed without a teacher")
        return self.teacher


class NetworkShape(NamedTuple):
    """Sizes of a network's outputs for the images of a run."""

    width: int
    """d, of the pooled features."""
    maps: tuple[tuple[int, int, int], ...] = ()
    """(C, H, W) of the stem's output and of each stage's."""
    maps_before_relu: tuple[tuple[int, int, int], ...] = ()
    """(C, H, W) of the same before their last ReLU."""


class Task(NamedTuple):
    """Task of a run, known before the first step; a term builds its learned parts from it."""

    student: NetworkShape
    teacher: NetworkShape | None
    num_classes: int
    labels: Tensor
    """Class of each training image: int64 [N]."""
    epochs: int

    def taught(self) -> NetworkShape:
        """Return the teacher's shape.

        Raises:
            ValueError: There is no teacher.
        """
        if self.teacher is None:
            raise ValueError("this term cannot be built without a teacher")
        return self.teacher


class Off(NamedTuple):
    """The term does not apply to this pair of networks: it gets weight 0, and the user a notice."""

    reason: str


class Refused(NamedTuple):
    """The term cannot be computed for this pair of networks: an error before anything starts."""

    reason: str


AnyConfig = TypeVar("AnyConfig", bound=TermConfig)


class Term(nn.Module, ABC, Generic[AnyConfig]):
    """One term of the objective.

    Parameters are its learned parts: they train with the student, and each must get a gradient in
    every step. Buffers are its state: they are kept in checkpoints, and every process must update
    them alike.

    Attributes:
        Config: The class of its settings.
        label: Its short name in tables and figures.
        per_sample: Whether its values are per sample, and can be weighted by difficulty.
        ordered: Whether the order of the images in a batch matters.
    """

    Config: ClassVar[type[TermConfig]] = TermConfig
    label: ClassVar[str]
    per_sample: ClassVar[bool] = True
    ordered: ClassVar[bool] = False

    def __init__(self, config: AnyConfig, task: Task) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def needs(cls, config: AnyConfig) -> Needs:
        """Return what the term needs of a step."""
        return Needs()

    @classmethod
    def unfit(cls, config: AnyConfig, task: Task) -> Off | Refused | None:
        """Return why the term does not suit this task, None where it does."""
        return None

    def weight_at(self, epoch: int) -> float:
        """Return the term's weight in an epoch, counted from 1; a warm-up overrides this."""
        return self.config.weight

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """Return the term's values without its weight.

        Returns:
            Per sample [B], per sample and copy [B, K], or a scalar.
        """
