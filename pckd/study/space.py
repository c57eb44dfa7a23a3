"""The space of a search, and the configurations that it tries first."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pckd.errors import InputError
from pckd.near_misses import near_misses
from pckd.settings import Settings, told_to_pydantic
from pckd.study.parameter import Parameter, Value
from pckd.training.changes import full_key

if TYPE_CHECKING:
    from optuna.trial import Trial

Point = dict[str, Value]
"""A configuration: the value of each parameter that is active in it, by dotted key."""


class StartFrom(Settings):
    """Start of a search: `from: STUDY` is short for `from: {study: STUDY}`."""

    study: str = Field(description="a study below the same results root")
    points: int = Field(3, ge=1, description="how many of its best configurations are tried first")


def _named_study(value: Any) -> Any:  # noqa: ANN401
    return {"study": value} if isinstance(value, str) else value


class Space(Settings):
    """Parameters of a search, dotted keys of the run, and the points to try first."""

    parameters: dict[str, Parameter] = Field(
        min_length=1, description="what is searched, by dotted key; `when` looks at keys above"
    )
    first: tuple[Point, ...] = Field(
        (), description="configurations to try first; a mapping gives them names"
    )
    first_names: tuple[str, ...] = Field((), description="their names, if `first` is a mapping")
    start_from: Annotated[StartFrom | None, BeforeValidator(_named_study)] = Field(
        None, description="written as `from`: the best of another pair's or data set's study"
    )

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
        with told_to_pydantic():
            return _with_full_keys(values)

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
    def _first_points_fit(self) -> "Space":
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

    def suggest(self, trial: "Trial") -> Point:
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
