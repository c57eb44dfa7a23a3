"""Spellings of values that were refused: how what is meant is written."""

import json
import re
from typing import get_args

RANGE = re.compile(r"\s*(\d+)\s*(?:-|\u2013|:|\.\.+|to)\s*(\d+)\s*")
"""A range of whole numbers as people write it, both ends meant."""

SHOWN = 20
"""Numbers of a range that are written out."""


def spelling(type_of_error: str, value: object, annotation: object) -> str:
    """A sentence on how a value of the type that a key has is written; '' where no type is wrong.

    Args:
        type_of_error: As pydantic names it.
        value: The value that was refused.
        annotation: The type of the key; None where it is not known.
    """
    kind = type_of_error.removesuffix("_type").removesuffix("_parsing")
    if kind == "string":
        is_plain = isinstance(value, (bool, int, float))
        return "it is text" + (f': write it in quotes, "{json.dumps(value)}"' if is_plain else "")
    if kind in ("tuple", "list"):
        return f"it is a list: write [{_items(value, annotation)}]"
    if kind == "bool":
        return "it is true or false"
    if kind in ("int", "float"):
        example = "10" if kind == "int" else "0.5"
        number = _number_in(value)
        plain = number if number is not None and (kind == "float" or number.is_integer()) else None
        name = "a whole number" if kind == "int" else "a number"
        return f"it is {name}" + (f", such as {example}" if plain is None else f": write {plain:g}")
    return ""


def _items(value: object, annotation: object) -> str:
    """The items of a list that a value spells, `...` where it spells none of the key's type."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return "..."
    if (bounds := RANGE.fullmatch(value)) and int(bounds[1]) <= int(bounds[2]):
        return _range(int(bounds[1]), int(bounds[2]))
    parts = re.split(r"[\s,;]+", value.strip("()[]{} ,;"))
    if all(_number_in(part) is not None for part in parts):
        return ", ".join(parts)
    return "..." if _is_of_numbers(annotation) else value


def _range(low: int, high: int) -> str:
    """Whole numbers from one to another, the middle left out where there are many."""
    numbers = [str(number) for number in range(low, min(high, low + SHOWN) + 1)]
    return ", ".join(numbers if len(numbers) <= SHOWN else [*numbers[:2], "...", str(high)])


def _is_of_numbers(annotation: object) -> bool:
    """Return whether a type is of numbers alone, as tuple[int, ...] is."""
    inner = set(get_args(annotation))
    return bool(inner & {int, float}) or any(_is_of_numbers(each) for each in inner)


def _number_in(value: object) -> float | None:
    """The number that a value spells, as 10 in '010' and 10.0; None where it spells none."""
    if isinstance(value, bool) or not isinstance(value, (str, float)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
