"""Typed settings: frozen pydantic objects, changes to them by dotted keys, and errors as sentences.

Every settings object of pckd derives from `Settings`: unknown keys, values of another type than
the key has and numbers that no table holds are errors, and nothing changes after validation.
"""

import re
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from pckd.errors import InputError
from pckd.near_misses import near_misses
from pckd.spelling import spelling
from pckd.yaml_text import parse_yaml

LARGEST = 2**63 - 1
"""The largest whole number that tables, and the libraries beneath, can hold."""


class Settings(BaseModel):
    """The base of all settings: frozen, no unknown keys, exact types, finite numbers only.

    Text is never read as a number nor a number as a switch: what a file says is what is meant, or
    it is refused. A list is written for each tuple.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, strict=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        field = cls.model_fields[info.field_name or ""]
        return tuple(value) if isinstance(value, list) and _is_tuple(field.annotation) else value

    @model_validator(mode="after")
    def _fits_tables(self) -> Self:
        for key, value in self:
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int) and abs(number) > LARGEST:
                    raise ValueError(f"{key} is {number}: at most {LARGEST}")
        return self


AnySettings = TypeVar("AnySettings", bound=Settings)


def validate(kind: type[AnySettings], values: object, source: str) -> AnySettings:
    """Validate values as a settings object.

    Args:
        kind: The class of the settings.
        values: Usually a mapping, as read from YAML.
        source: Where the values come from, named in the error.

    Raises:
        InputError: One sentence with the source, the key, the value and what is allowed.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # A misspelt key is the cause of the one that then is missing: it is named first.
        problems = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{source}: {_sentence(kind, problems[0])}{more}") from None


@contextmanager
def told_to_pydantic() -> Iterator[None]:
    """Turn bad input inside the block into the error from which pydantic makes one of its own."""
    try:
        yield
    except InputError as error:
        raise ValueError(str(error)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the mapping in a YAML file.

    Raises:
        InputError: There is no such file, it is not YAML, or it holds something else.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text: save it in that encoding") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping of keys to values")
    return content


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Read the changes of `--set KEY=VALUE` options; values are YAML.

    Raises:
        InputError: An assignment has no equals sign, or its value is not YAML.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise InputError(f"--set {assignment}: write KEY=VALUE, for example loss.kd=0.5")
        try:
            changes[key] = parse_yaml(value)
        except ValueError as error:
            raise InputError(f"--set {assignment}: the value {error}") from None
    return changes


def _sentence(kind: type[BaseModel], problem: ErrorDetails) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        allowed = _known_keys(kind, path[:-1])
        listed = f"; allowed: {', '.join(allowed)}" if allowed else ""
        return f"{key} is not a known key{listed}{near_misses(path[-1], allowed)}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    given = problem["input"]
    value = reprlib.repr(list(given) if isinstance(given, tuple) else given)
    if problem["type"] in ("model_type", "dict_type"):
        return f"{key} is {value}, but must be a mapping of keys to values".lstrip()
    message = re.sub(r"^\w+ should", "it must", problem["msg"].removeprefix("Value error, "))
    message = message.replace(" after validation", "")
    if problem["type"] in ("value_error", "assertion_error"):
        return f"{key}: {message}" if key else message
    expected = spelling(problem["type"], problem["input"], _field_at(kind, path))
    return f"{key} is {value}: {expected or f'{message[0].lower()}{message[1:]}'}"


def _known_keys(kind: type[BaseModel], path: list[str]) -> list[str]:
    """List the keys of the settings object at a path; [] if there is none."""
    found = _settings_at(kind, path)
    return [] if found is None else sorted(found.model_fields)


def _field_at(kind: type[BaseModel], path: list[str]) -> object:
    """Return the annotation of the key at a path; None if it is not known."""
    found = _settings_at(kind, path[:-1])
    field = None if found is None else found.model_fields.get(path[-1])
    return None if field is None else field.annotation


def _settings_at(kind: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    """Return the class of the settings object at a path; None if there is none."""
    found: type[BaseModel] | None = kind
    for part in path:
        if found is not None and not part.isdigit():  # of a list: its settings hold for each item
            found = _settings_below(found, part)
    return found


def _settings_below(kind: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the class of settings that a key holds; None if it holds none.

    A class whose keys are not fixed says itself what they hold, by `settings_of`.
    """
    if hasattr(kind, "settings_of"):
        found: type[BaseModel] | None = kind.settings_of(key)
        return found
    field = kind.model_fields.get(key)
    return None if field is None else _settings_of(field.annotation)


def _settings_of(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _is_tuple(annotation: object) -> bool:
    return any(get_origin(each) is tuple for each in (annotation, *get_args(annotation)))
