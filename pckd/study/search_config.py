"""What a search looks for, in Optuna's words: parameters, sampler, objectives, early stopping."""

import inspect
import math
import warnings
import zlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import BeforeValidator, Field, field_validator, model_validator

from pckd.settings import Settings, near_misses

Value = float | int | str | bool
Point = dict[str, Value]
"""A configuration: the value of each parameter that is active in it, by dotted key."""


class CountingSampler(optuna.samplers.RandomSampler):
    """Optuna's random sampler, whose points depend on their number alone.

    A search that is interrupted proposes what an undisturbed one does.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401
        """One value, drawn by the seed, the number of the trial and the parameter's name."""
        seed = zlib.crc32(f"{self.seed} {trial.number} {param_name}".encode())
        once = optuna.samplers.RandomSampler(seed)
        return once.sample_independent(study, trial, param_name, param_distribution)


SAMPLERS: Mapping[str, type[optuna.samplers.BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "cmaes": optuna.samplers.CmaEsSampler,
    "qmc": optuna.samplers.QMCSampler,
    "random": CountingSampler,
    "nsga2": optuna.samplers.NSGAIISampler,
}
"""Optuna's samplers by the names that study files use."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"multivariate": True, "constant_liar": True},
    "qmc": {"scramble": True},
}
"""What suits weights that act together, and trials that run side by side and are interrupted."""


class Parameter(Settings):
    """A parameter of the search: `low` and `high`, or `choices`."""

    type: Literal["float", "int", "choice"] = Field("float", description="choices make it a choice")
    low: float | None = Field(None, description="smallest value")
    high: float | None = Field(None, description="largest value")
    log: bool = Field(False, description="search on a log scale")
    step: float | None = Field(None, gt=0, description="distance of allowed values")
    choices: tuple[Value, ...] | None = Field(None, min_length=1, description="all values")
    when: dict[str, Value | tuple[Value, ...]] = Field(
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
        return self

    def suggest(self, key: str, trial: optuna.trial.Trial) -> Value:
        """Optuna's value of this parameter in a trial."""
        if self.choices is not None:
            return cast(Value, trial.suggest_categorical(key, self.choices))
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            step = int(self.step or 1)
            return trial.suggest_int(key, int(low), int(high), log=self.log, step=step)
        return trial.suggest_float(key, low, high, log=self.log, step=self.step)

    def distribution(self) -> BaseDistribution:
        """The same values, as Optuna's distribution."""
        if self.choices is not None:
            return CategoricalDistribution(self.choices)
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            return IntDistribution(int(low), int(high), self.log, int(self.step or 1))
        return FloatDistribution(low, high, self.log, self.step)

    def allows(self, value: Value) -> bool:
        """Whether the search could propose this value."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, (str, bool)) or self.low is None or self.high is None:
            return False
        step = self.step or (1 if self.type == "int" else None)
        steps = (value - self.low) / step if step else 0.0
        return self.low <= value <= self.high and math.isclose(steps, round(steps), abs_tol=1e-8)

    def is_active(self, point: Mapping[str, Value]) -> bool:
        """Whether the values chosen before make this parameter part of the configuration."""
        return all(
            key in point and point[key] in (allowed if isinstance(allowed, tuple) else (allowed,))
            for key, allowed in self.when.items()
        )


class SamplerConfig(Settings):
    """Optuna's sampler; `sampler: tpe` is short for `sampler: {name: tpe}`."""

    name: str = Field("tpe", description=f"one of {', '.join(SAMPLERS)}")
    options: dict[str, Any] = Field(default_factory=dict, description="as Optuna names them")

    @model_validator(mode="after")
    def _known(self) -> "SamplerConfig":
        if self.name not in SAMPLERS:
            allowed = list(SAMPLERS)
            raise ValueError(
                f"sampler {self.name!r} is not known{near_misses(self.name, allowed)}; "
                f"allowed: {', '.join(allowed)}"
            )
        known = set(inspect.signature(SAMPLERS[self.name]).parameters) - {"seed"}
        for option in self.options:
            if option not in known:
                raise ValueError(
                    f"sampler {self.name} has no option {option!r}"
                    f"{near_misses(option, sorted(known))}; allowed: {', '.join(sorted(known))}"
                )
        if self.name == "qmc" and not self.options.get("scramble", True):
            raise ValueError(
                "sampler qmc needs scramble: true, or a search that is interrupted would propose "
                "its first points again"
            )
        return self

    def create(self, seed: int, *, conditional: bool) -> optuna.samplers.BaseSampler:
        """The sampler itself.

        Args:
            seed: Of its random numbers; a sampler that has none ignores it.
            conditional: Whether some parameters depend on others, which TPE models in groups.
        """
        grouped = {"group": conditional} if self.name == "tpe" else {}
        options = {**DEFAULTS.get(self.name, {}), **grouped, **self.options}
        if "seed" in inspect.signature(SAMPLERS[self.name]).parameters:
            options["seed"] = seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return SAMPLERS[self.name](**options)


def _named(value: Any) -> Any:  # noqa: ANN401
    return {"name": value} if isinstance(value, str) else value


class StopConfig(Settings):
    """Early stopping of hopeless trials, by a scheduler of Ray Tune."""

    scheduler: Literal["asha", "median"] = Field("asha", description="Ray Tune's scheduler")
    grace_epochs: int = Field(1, ge=1, description="no trial is stopped before this epoch")
    reduction_factor: float = Field(3.0, gt=1, description="of ASHA: one in so many goes on")


class SearchConfig(Settings):
    """A search; `parameters` are dotted keys of the run."""

    trials: int = Field(ge=1, description="configurations to try")
    parameters: dict[str, Parameter] = Field(min_length=1, description="in the order of choosing")
    sampler: Annotated[SamplerConfig, BeforeValidator(_named)] = Field(
        default_factory=SamplerConfig, description="who proposes"
    )
    seed: int = Field(0, ge=0, description="of the sampler")
    first: tuple[Point, ...] = Field((), description="configurations to try first")
    objectives: tuple[Literal["accuracy", "seconds", "flops"], ...] = Field(
        ("accuracy",), min_length=1, description="accuracy is maximised, a cost minimised"
    )
    stop: StopConfig | None = Field(None, description="early stopping; none by default")

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
        if self.stop and len(self.objectives) > 1:
            raise ValueError("early stopping needs one objective, accuracy")
        if self.objectives[0] != "accuracy":
            raise ValueError("the first objective must be accuracy")
        return self

    def create_sampler(self, offset: int) -> optuna.samplers.BaseSampler:
        """Optuna's sampler of this search, which goes on after `offset` configurations."""
        conditional = any(parameter.when for parameter in self.parameters.values())
        # Others would propose their first points again; the random one counts.
        seed = self.seed if self.sampler.name == "random" else self.seed + offset
        return self.sampler.create(seed, conditional=conditional)

    def suggest(self, trial: optuna.trial.Trial) -> Point:
        """The configuration that Optuna proposes in a trial."""
        point: Point = {}
        for key, parameter in self.parameters.items():
            if parameter.is_active(point):
                point[key] = parameter.suggest(key, trial)
        return point

    def allows(self, point: Point) -> bool:
        """Whether the search could propose this configuration."""
        active = {key for key, entry in self.parameters.items() if entry.is_active(point)}
        return point.keys() == active and all(
            self.parameters[key].allows(value) for key, value in point.items()
        )
