"""Settings of the transfer stage of a study."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from pckd.settings import Settings, told_to_pydantic
from pckd.training.config import DataConfig
from pckd.transfer.protocols import find_protocol


class ProbeStage(Settings):
    """The transfer stage that follows training: a linear probe of every student and teacher."""

    data: tuple[DataConfig, ...] = Field(min_length=1, description="target data sets")
    protocol: str = Field("exact", description="name of the probe's protocol")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="of the probe"
    )

    @field_validator("data", mode="before")
    @classmethod
    def _written_out(cls, values: Any) -> Any:  # noqa: ANN401
        """`stl10` is short for `[{name: stl10}]`."""
        listed = [values] if isinstance(values, (str, Mapping)) else values
        if not isinstance(listed, (list, tuple)):
            return listed
        return [{"name": value} if isinstance(value, str) else value for value in listed]

    @field_validator("protocol")
    @classmethod
    def _known(cls, name: str) -> str:
        with told_to_pydantic():
            return find_protocol(name).name

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{list(seeds)} repeats a seed")
        return seeds
