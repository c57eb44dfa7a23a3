"""Parts of a JSON Schema: definitions that refer to each other, and changes to them."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

PLACE = "#/$defs/"
"""Beginning of a reference to a definition."""

KEPT: tuple[str, ...] = ("description", "default")
"""Keys of a schema that tell of a key, and not of its values."""

NULL: Schema = {"type": "null"}


class Definitions(dict[str, Schema]):
    """The definitions of a schema by name, those of settings by the name of their class."""

    def set(self, place: str, schema: Schema) -> None:
        """Replace the schema of a key, `CLASS.KEY`; its description and default stay."""
        name, _, key = place.partition(".")
        before = self[name]["properties"][key]
        kept = {part: before[part] for part in KEPT if part in before}
        self[name]["properties"][key] = {**schema, **kept}

    def allow(self, place: str, other: Schema) -> None:
        """Allow another schema for a key, `CLASS.KEY`, beside its own."""
        name, _, key = place.partition(".")
        before = self[name]["properties"][key]
        own = {part: each for part, each in before.items() if part not in KEPT}
        self.set(place, either(*(own["anyOf"] if set(own) == {"anyOf"} else [own]), other))

    def keys_below(
        self, schema: Schema, place: str, closed: tuple[str, ...], above: str = ""
    ) -> Iterator[tuple[str, Schema]]:
        """Each dotted key below a schema, with a reference to the schema of its value.

        Args:
            schema: Of a mapping.
            place: Its reference.
            closed: Definitions that no key leads into.
            above: The dotted key of the mapping itself, with a full stop.
        """
        for name, each in schema.get("properties", {}).items():
            yield f"{above}{name}", {"$ref": f"{place}/properties/{name}"}
            for reference in (part["$ref"] for part in _alternatives(each) if "$ref" in part):
                inner = reference.removeprefix(PLACE)
                if inner not in closed:
                    yield from self.keys_below(self[inner], reference, closed, f"{above}{name}.")

    def used(self, schema: Schema) -> Schema:
        """The definitions that a schema leads to, in their order."""
        found: set[str] = set()
        waiting = [schema]
        while waiting:
            for reference in _references(waiting.pop()):
                name = reference.removeprefix(PLACE).partition("/")[0]
                if reference.startswith(PLACE) and name not in found:
                    found.add(name)
                    waiting.append(self[name])
        return {name: each for name, each in self.items() if name in found}


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"{PLACE}{name}"}


def either(*schemas: Schema) -> Schema:
    """A schema that allows what one of several does."""
    return {"anyOf": list(schemas)}


def listed(item: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": item}


def mapping(properties: Schema) -> Schema:
    """A mapping with these keys and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def named(value: Schema) -> Schema:
    """A mapping of any names to such values."""
    return {"type": "object", "additionalProperties": value}


def untitled(schema: Any) -> Any:  # noqa: ANN401
    """The same without titles, which only repeat the names of keys."""
    if isinstance(schema, list):
        return [untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: untitled(each)
        for name, each in schema.items()
        if name != "title" or not isinstance(each, str)
    }


def _alternatives(schema: Schema) -> list[Schema]:
    return [schema, *schema.get("anyOf", [])]


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
