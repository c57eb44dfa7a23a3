"""Typed settings: frozen pydantic objects, changes to them by dotted keys, and errors as sentences.

Every settings object of pckd derives from `Settings`: unknown keys and non-finite numbers are
errors, and nothing changes after validation.
"""

import difflib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pckd.errors import InputError


class Settings(BaseModel):
    """The base of all settings: frozen, no unknown keys, finite numbers only."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


AnySettings = TypeVar("AnySettings", bound=Settings)


def validate(kind: type[AnySettings], values: object, source: str) -> AnySettings:
    """The settings object that the values describe.

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


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        InputError: There is no such file, it is not YAML, or it holds something else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 1})" if place is not None else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: is not YAML{line}: {reason}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no mapping of keys to values")
    return content


def with_changes(
    values: Mapping[str, Any], changes: Mapping[str, Any], above: str = ""
) -> dict[str, Any]:
    """A copy of nested values with some of them replaced, by dotted key.

    Args:
        values: Nested mappings, as read from YAML; left as they are.
        changes: For example {"loss.kd": 0.5}; mappings on the way are made where missing.
        above: The dotted key of `values` itself, for the error.

    Raises:
        InputError: A key leads through something that is not a mapping.
    """
    result = dict(values)
    for key, value in changes.items():
        first, _, rest = key.partition(".")
        if not rest:
            result[first] = value
            continue
        inner = {} if result.get(first) is None else result[first]
        if not isinstance(inner, Mapping):
            value = reprlib.repr(inner)
            raise InputError(f"{above}{key}: {above}{first} is {value}, with no keys below it")
        result[first] = with_changes(inner, {rest: value}, f"{above}{first}.")
    return result


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """The changes that `--set KEY=VALUE` options ask for; values are read as YAML.

    Raises:
        InputError: An assignment has no equals sign, or its value is not YAML.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise InputError(f"--set {assignment}: write KEY=VALUE, for example loss.kd=0.5")
        try:
            changes[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            raise InputError(f"--set {assignment}: the value is not YAML") from None
    return changes


def near_misses(word: str, allowed: list[str]) -> str:
    """'; did you mean a, b?' for the words nearest to a misspelt one, '' if none is near."""
    near = difflib.get_close_matches(word, allowed, n=3, cutoff=0.6)
    return f"; did you mean {', '.join(near)}?" if near else ""


class _UniqueKeys(yaml.SafeLoader):
    """YAML whose mappings name each key once: the standard asks for it, the library does not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the library does, after a look at the keys."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                mark = node.value[place][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"{key} stands twice", problem_mark=mark)
        return super().construct_mapping(node, deep)


def _sentence(kind: type[BaseModel], problem: ErrorDetails) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        allowed = _known_keys(kind, path[:-1])
        listed = f"; allowed: {', '.join(allowed)}" if allowed else ""
        return f"{key} is not a known key{listed}{near_misses(path[-1], allowed)}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] in ("model_type", "dict_type"):
        return f"{key} is {reprlib.repr(problem['input'])}: it holds keys and values".lstrip()
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in ("value_error", "assertion_error"):
        return f"{key}: {message}" if key else message
    return f"{key} is {reprlib.repr(problem['input'])}: {message[0].lower()}{message[1:]}"


def _known_keys(kind: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the settings object that a path leads to; [] where it is not one."""
    for part in path:
        if part.isdigit():  # an item of a list: its settings are those that the list holds
            continue
        inner = _settings_below(kind, part)
        if inner is None:
            return []
        kind = inner
    return sorted(kind.model_fields)


def _settings_below(kind: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The settings object that a key of another holds; None where it holds none.

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
