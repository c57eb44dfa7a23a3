"""Settings of a search, in Optuna's words: parameters, objectives, early stopping."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from pydantic import BeforeValidator, Field, field_validator, model_validator

from pckd.errors import InputError
from pckd.settings import Settings, near_misses
from pckd.study.samplers import SamplerConfig, named_sampler
from pckd.training.changes import full_key

Value = float | int | str | bool
Point = dict[str, Value]
"""A configuration: the value of each parameter that is active in it, by dotted key."""


KNOWN = 12
"""Points that are known when a sampler is tried: more than most samplers draw at random first."""


class Parameter(Settings):
    """A parameter of the search: `low` and `high`, or `choices`."""

    type: Literal["float", "int", "choice"] = Field("float", description="choices make it a choice")
    low: float | None = Field(None, description="smallest value")
    high: float | None = Field(None, description="largest value")
    log: bool = Field(False, description="search on a log scale")
    step: float | None = Field(None, gt=0, description="distance of allowed values")
    choices: tuple[Value, ...] | None = Field(None, min_length=1, description="all values")
    when: dict[str, Value | Annotated[tuple[Value, ...], Field(strict=False)]] = Field(
        default_factory=dict,
        description="active only where an earlier choice has this value, or one of these",
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
                raise ValueError("a choice has choices, and neither low nor high")
            return self
        if self.choices is not None or self.low is None or self.high is None:
            raise ValueError("a parameter has either low and high, or choices")
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("on a log scale low must be positive, and there is no step")
        if self.type == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high of an int must be whole numbers")
        if self.type == "int" and not (self.step or 1.0).is_integer():
            raise ValueError(f"step ({self.step:g}) of an int must be a whole number")
        return self

    @property
    def named(self) -> tuple[Value, ...]:
        """The values that the study file names: all choices, or the smallest and the largest."""
        if self.choices is not None:
            return self.choices
        bounds = (self.low or 0.0, self.high or 0.0)
        return tuple(map(int, bounds)) if self.type == "int" else bounds

    def suggest(self, key: str, trial: optuna.trial.Trial) -> Value:
        """Let Optuna suggest this parameter's value in a trial."""
        if self.choices is not None:
            return cast(Value, trial.suggest_categorical(key, self.choices))
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            step = int(self.step or 1)
            return trial.suggest_int(key, int(low), int(high), log=self.log, step=step)
        return trial.suggest_float(key, low, high, log=self.log, step=self.step)

    def distribution(self) -> BaseDistribution:
        """Convert the values to Optuna's distribution."""
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


class StopConfig(Settings):
    """Early stopping of hopeless trials, by a scheduler of Ray Tune."""

    scheduler: Literal["asha", "median"] = Field("asha", description="Ray Tune's scheduler")
    grace_epochs: int = Field(1, ge=1, description="no trial is stopped before this epoch")
    reduction_factor: float | None = Field(
        None, gt=1, description="of ASHA: one in so many goes on, 3 by default"
    )

    @model_validator(mode="after")
    def _own_options(self) -> "StopConfig":
        if self.scheduler != "asha" and self.reduction_factor is not None:
            raise ValueError(f"reduction_factor is for asha: {self.scheduler} has none")
        return self

    @property
    def text(self) -> str:
        """The rule as JSON, by which two are compared."""
        return self.model_dump_json()


class StartFrom(Settings):
    """Start of a search: `from: STUDY` is short for `from: {study: STUDY}`."""

    study: str = Field(description="a study below the same results root")
    points: int = Field(3, ge=1, description="so many of its best configurations are tried first")


def _named_study(value: Any) -> Any:  # noqa: ANN401
    return {"study": value} if isinstance(value, str) else value


class SearchConfig(Settings):
    """A search; `parameters` are dotted keys of the run."""

    trials: int = Field(ge=1, description="configurations to try")
    parameters: dict[str, Parameter] = Field(min_length=1, description="in the order of choosing")
    sampler: Annotated[SamplerConfig, BeforeValidator(named_sampler)] = Field(
        default_factory=SamplerConfig, description="who proposes"
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the sampler")
    first: tuple[Point, ...] = Field(
        (), description="configurations to try first; a mapping gives them names"
    )
    first_names: tuple[str, ...] = Field((), description="their names, if `first` is a mapping")
    start_from: Annotated[StartFrom | None, BeforeValidator(_named_study)] = Field(
        None, description="written as `from`: the best of another pair's or data set's study"
    )
    objectives: tuple[Literal["accuracy", "seconds", "flops"], ...] = Field(
        ("accuracy",), min_length=1, description="accuracy is maximised, a cost minimised"
    )
    stop: StopConfig | None = Field(None, description="early stopping; none by default")

    @model_validator(mode="before")
    @classmethod
    def _full_keys(cls, values: Any) -> Any:  # noqa: ANN401
        """Write `loss.TERM` out as `loss.TERM.weight`, so that a parameter has one name."""
        if not isinstance(values, Mapping):
            return values
        if "from" in values:
            rest = {key: value for key, value in values.items() if key != "from"}
            values = {**rest, "start_from": values["from"]}
        if isinstance(values.get("first"), Mapping):
            names = {"first_names": tuple(map(str, values["first"]))}
            values = {**values, **names, "first": list(values["first"].values())}
        if not isinstance(values.get("parameters"), Mapping):
            return values
        try:
            return _with_full_keys(values)
        except InputError as error:
            raise ValueError(str(error)) from None

    @field_validator("parameters")
    @classmethod
    def _conditions_look_back(cls, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
        earlier: list[str] = []
        for key, parameter in parameters.items():
            for condition in parameter.when:
                if condition not in earlier:
                    raise ValueError(
                        f"{key} depends on {condition}, which is not a parameter above it"
                        f"{near_misses(condition, earlier)}"
                    )
            earlier.append(key)
        return parameters

    @model_validator(mode="after")
    def _consistent(self) -> "SearchConfig":
        for point in self.first:
            for key, value in point.items():
                if key not in self.parameters:
                    raise ValueError(
                        f"first sets {key}, which is not searched"
                        f"{near_misses(key, sorted(self.parameters))}"
                    )
                if not self.parameters[key].allows(value):
                    raise ValueError(f"first sets {key} to {value!r}, outside of its range")
        if self.first_names and len(self.first_names) != len(self.first):
            raise ValueError("first_names is not for study files: write first as a mapping")
        if self.stop and len(self.objectives) > 1:
            raise ValueError("early stopping needs one objective, accuracy")
        if self.objectives[0] != "accuracy":
            raise ValueError("the first objective must be accuracy")
        return self

    def corners(self) -> Iterator[tuple[str, Point]]:
        """Each parameter with each value that is named for it, and what makes it active.

        Other parameters are left out.
        """
        for key, parameter in self.parameters.items():
            for value in parameter.named:
                yield key, {**self._conditions(key), key: value}

    def _conditions(self, key: str) -> Point:
        """Values of earlier choices that make a parameter active."""
        point: Point = {}
        for choice, allowed in self.parameters[key].when.items():
            value = allowed[0] if isinstance(allowed, tuple) else allowed
            point |= {**self._conditions(choice), choice: value}
        return point

    def named_first(self) -> dict[str, Point]:
        """The first configurations by name; none where they have no names."""
        return dict(zip(self.first_names, self.first, strict=False))

    def check_sampler(self) -> None:
        """Let the sampler propose a point after some random ones, in memory.

        Raises:
            InputError: Optuna does not take an option of it; the reason is Optuna's.
        """
        costs = len(self.objectives) - 1
        directions = [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * costs]
        random = optuna.samplers.RandomSampler(0)
        try:
            study = optuna.create_study(directions=directions, sampler=random)
            for number in range(KNOWN):
                trial = study.ask()
                self.suggest(trial)
                study.tell(trial, [float(number)] * len(directions))
            study.sampler = self.create_sampler(KNOWN)
            self.suggest(study.ask())
        except Exception as error:  # an option is handed on as it is, and fails as it likes
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            options = self.sampler.options
            raise InputError(
                f"search.sampler {self.sampler.name} with options {options}: {reason}"
            ) from None

    def create_sampler(self, known: int) -> optuna.samplers.BaseSampler:
        """Make Optuna's sampler for this search; it continues after `known` configurations."""
        conditional = any(parameter.when for parameter in self.parameters.values())
        return self.sampler.create(self.seed, known, conditional=conditional)

    def suggest(self, trial: optuna.trial.Trial) -> Point:
        """Ask Optuna for the configuration of a trial."""
        point: Point = {}
        for key, parameter in self.parameters.items():
            if parameter.is_active(point):
                point[key] = parameter.suggest(key, trial)
        return point

    def allows(self, point: Point) -> bool:
        """Return whether the search could propose this configuration."""
        active = {key for key, entry in self.parameters.items() if entry.is_active(point)}
        return point.keys() == active and all(
            self.parameters[key].allows(value) for key, value in point.items()
        )


def _with_full_keys(search: Mapping[str, Any]) -> dict[str, Any]:
    names = {str(key): _full_key(str(key), each) for key, each in search["parameters"].items()}

    def renamed(point: Any) -> Any:  # noqa: ANN401
        if not isinstance(point, Mapping):
            return point
        return {names.get(str(key), str(key)): value for key, value in point.items()}

    def with_condition(parameter: Any) -> Any:  # noqa: ANN401
        if not isinstance(parameter, Mapping) or "when" not in parameter:
            return parameter
        return {**parameter, "when": renamed(parameter["when"])}

    parameters = {
        names[str(key)]: with_condition(each) for key, each in search["parameters"].items()
    }
    if len(parameters) < len(names):
        raise InputError(f"parameters name one key twice: {', '.join(names)}")
    first = search.get("first", ())
    points = [renamed(point) for point in first] if isinstance(first, (list, tuple)) else first
    return {**search, "parameters": parameters, "first": points}


def _full_key(key: str, parameter: object) -> str:
    choices = parameter.get("choices") if isinstance(parameter, Mapping) else None
    return full_key(key, list(choices) if isinstance(choices, (list, tuple)) else [0.0])
