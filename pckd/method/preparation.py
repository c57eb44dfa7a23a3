"""A preparation: what learns from the teacher alone before the student is trained.

Some methods first train parts on the teacher (FT, SSKD), others the student's stages (AB, FSP).
`pckd.training.preparing` trains a preparation and keeps its result.
"""

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import Field, field_validator
from torch import Tensor, nn

from pckd.method.term import Needs, Step, Task, Term, TermConfig
from pckd.settings import Settings


class PreparationConfig(Settings):
    """The recipe of a preparation; what is not said here is as in the student's own recipe."""

    epochs: int = Field(30, ge=1, description="passes over the training images")
    learning_rate: float | None = Field(
        None, gt=0, description="initial; the student's own initial rate by default"
    )
    decay_at: tuple[float, ...] = Field(
        (), description="shares of the epochs after which the rate drops; constant by default"
    )
    decay_factor: float = Field(0.1, gt=0, le=1, description="the rate's factor at each drop")


class PreparedConfig(TermConfig):
    """Settings of a term that has a preparation."""

    preparation: PreparationConfig = Field(
        default_factory=PreparationConfig, description="the stage before training"
    )


class Prepared(NamedTuple):
    """The result of a preparation, as state dicts."""

    parts: dict[str, Tensor]
    """State dict of the preparation itself."""
    student: dict[str, Tensor]
    """State dict of the student; empty if it did not learn."""


AnyPrepared = TypeVar("AnyPrepared", bound=PreparedConfig)


class Preparation(nn.Module, ABC):
    """A stage before training: its forward pass is a loss [B], or a scalar.

    It is called with the outputs of the teacher, or with those of the student and of the teacher
    where the student learns. Its parameters learn; of the student, all that its stage maps depend
    on. Everything else stays as it is, BatchNorm's statistics among it.

    Args:
        config: The term's settings.
        task: As the term is told.

    Attributes:
        student_learns: Whether the student's stages learn; if not, one preparation serves all
            students and seeds.
        ignores: Settings of the term, beside its weight, that the preparation does not depend on.
    """

    student_learns: ClassVar[bool] = False
    ignores: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: Any, task: Task) -> None:  # noqa: ANN401
        super().__init__()

    @classmethod
    def needs(cls, config: Any) -> Needs:  # noqa: ANN401
        """Return what the preparation needs of a step."""
        return Needs()


class PreparedTerm(Term[AnyPrepared]):
    """A term with a preparation.

    Attributes:
        Preparation: The class of its preparation.
    """

    Preparation: ClassVar[type[Preparation]]

    def take_over(self, parts: Mapping[str, Tensor]) -> None:
        """Take over what was prepared: all parts that the term has by the same name."""
        own = self.state_dict()
        self.load_state_dict(own | {name: parts[name] for name in own if name in parts})


class PreparingConfig(PreparedConfig):
    """Settings of a term that only prepares the student."""

    weight: float = Field(1.0, ge=0, le=1, description="1: the student is prepared; 0: it is not")

    @field_validator("weight")
    @classmethod
    def _on_or_off(cls, weight: float) -> float:
        if weight not in (0, 1):
            raise ValueError(
                f"{weight} is not allowed: 1 prepares the student, 0 does not, and training itself "
                "has no such term"
            )
        return weight


AnyPreparing = TypeVar("AnyPreparing", bound=PreparingConfig)


class PreparingTerm(PreparedTerm[AnyPreparing]):
    """A term that prepares the student and is no part of training; its value is the preparation."""

    def __init__(self, config: AnyPreparing, task: Task) -> None:
        super().__init__(config, task)
        self.stage = self.Preparation(config, task)

    @classmethod
    def needs(cls, config: AnyPreparing) -> Needs:
        """Return what the preparation needs."""
        return cls.Preparation.needs(config)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of the preparation."""
        loss: Tensor = self.stage(step.student, step.taught())
        return loss


def only_prepares(term: type[Term[Any]]) -> bool:
    """Return whether a term only prepares and is no part of training itself."""
    return issubclass(term, PreparingTerm)
