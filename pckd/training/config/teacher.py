"""The teacher of a run."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pckd.models import canonical_name
from pckd.settings import Settings, told_to_pydantic
from pckd.training.config.defaults import with_learning_rate
from pckd.training.config.optimization import OptimizationConfig


def _known_model(name: str) -> str:
    with told_to_pydantic():
        return canonical_name(name)


ModelName = Annotated[str, AfterValidator(_known_model)]


def _content_hash(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text: write the hash in quotes")
    if not re.fullmatch("[0-9a-f]{8,64}", value):
        raise ValueError(
            f"{value!r} is no content hash: 8 to 64 of the digits 0-9 and a-f, as "
            "pckd teacher list shows them"
        )
    return value


class TeacherConfig(Settings):
    """The teacher; `teacher: wrn_40_2` is short for `teacher: {model: wrn_40_2}`.

    A teacher is trained once on the run's own training images and kept in the results root; one
    that is kept there already, for example an imported one, is named by its hash.
    """

    model: ModelName = Field(description="architecture")
    hash: Annotated[str, BeforeValidator(_content_hash)] | None = Field(
        None,
        description="content hash, or a unique beginning of 8 digits or more: a teacher of the "
        "store instead of one trained by recipe",
    )
    optimization: OptimizationConfig = Field(
        default_factory=OptimizationConfig, description="recipe of the teacher's own training [C]"
    )
    seed: int = Field(0, ge=0, description="of its weights and views")

    @model_validator(mode="before")
    @classmethod
    def _default_learning_rate(cls, values: Any) -> Any:  # noqa: ANN401
        return with_learning_rate(values, "model")
