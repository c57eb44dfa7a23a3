"""A parameter of a search, in Optuna's words."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field, model_validator

from pckd.settings import Settings
from pckd.study.named_once import check_once

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Value = float | int | str | bool


class Parameter(Settings):
    """A parameter of the search: `low` and `high`, or `choices`."""

    type: Literal["float", "int", "choice"] = Field(
        "float", description="choice where choices are given"
    )
    low: float | None = Field(None, description="smallest value")
    high: float | None = Field(None, description="largest value")
    log: bool = Field(False, description="search on a log scale")
    step: float | None = Field(None, gt=0, description="distance between allowed values")
    choices: tuple[Value, ...] | None = Field(
        None, min_length=1, description="the values to choose from"
    )
    when: dict[str, Value | Annotated[tuple[Value, ...], Field(strict=False)]] = Field(
        default_factory=dict,
        description="searched only where an earlier choice has this value, or one of these",
    )

    @model_validator(mode="before")
    @classmethod
    def _choices_make_a_choice(cls, values: Any) -> Any:  # noqa: ANN401
        if isinstance(values, Mapping) and values.get("choices") is not None:
            return {"type": "choice", **values}
        return values

    @model_validator(mode="after")
    def _complete(self) -> "Parameter":
        if self.type == "choice":
            if self.choices is None or self.low is not None or self.high is not None:
                raise ValueError("a choice takes choices, and neither low nor high")
            check_once("choices", self.choices)
            return self
        if self.choices is not None or self.low is None or self.high is None:
            raise ValueError("give a parameter either low and high, or choices")
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("on a log scale low must be positive, and there is no step")
        if self.type == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high of an int must be whole numbers")
        if self.type == "int" and not (self.step or 1.0).is_integer():
            raise ValueError(f"step ({self.step:g}) of an int must be a whole number")
        if not self.allows(self.high):
            raise ValueError(
                f"high ({self.high:g}) must be low ({self.low:g}) and some steps of {self.step:g}"
            )
        return self

    @property
    def named(self) -> tuple[Value, ...]:
        """The values that the study file names: all choices, or the smallest and the largest."""
        if self.choices is not None:
            return self.choices
        bounds = (self.low or 0.0, self.high or 0.0)
        return tuple(map(int, bounds)) if self.type == "int" else bounds

    @property
    def words(self) -> str:
        """The values in words: `0.1 to 10, log scale`."""
        parts = [" to ".join(f"{value:g}" for value in (self.low or 0.0, self.high or 0.0))]
        if self.choices is not None:
            parts = [" or ".join(map(str, self.choices))]
        parts += ["whole numbers"] * (self.type == "int") + ["log scale"] * self.log
        parts += [f"in steps of {self.step:g}"] if self.step else []
        return ", ".join([*parts, *(f"where {key} is {value}" for key, value in self.when.items())])

    def suggest(self, key: str, trial: "Trial") -> Value:
        """Let Optuna suggest this parameter's value in a trial."""
        if self.choices is not None:
            return cast(Value, trial.suggest_categorical(key, self.choices))
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            step = int(self.step or 1)
            return trial.suggest_int(key, int(low), int(high), log=self.log, step=step)
        return trial.suggest_float(key, low, high, log=self.log, step=self.step)

    def distribution(self) -> "BaseDistribution":
        """Convert the values to Optuna's distribution."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if self.choices is not None:
            return CategoricalDistribution(self.choices)
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            return IntDistribution(int(low), int(high), self.log, int(self.step or 1))
        return FloatDistribution(low, high, self.log, self.step)

    def allows(self, value: Value) -> bool:
        """Return whether the search could propose this value."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, (str, bool)) or self.low is None or self.high is None:
            return False
        step = self.step or (1 if self.type == "int" else None)
        steps = (value - self.low) / step if step else 0.0
        return self.low <= value <= self.high and math.isclose(steps, round(steps), abs_tol=1e-8)

    def is_active(self, point: Mapping[str, Value]) -> bool:
        """Return whether the values chosen so far make this parameter active."""
        return all(
            key in point and point[key] in (allowed if isinstance(allowed, tuple) else (allowed,))
            for key, allowed in self.when.items()
        )
