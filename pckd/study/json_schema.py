"""JSON Schema of study files, by which editors complete keys and mark mistakes while one types.

It is made from the classes of the settings, and of the terms, networks and data sets that are known
here. Files may be shorter than the classes: what may stand in place of a mapping is added here.

`python -m pckd.study.json_schema` writes `studies/study.schema.json`, which is shipped.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pckd.data import list_data
from pckd.method import find_term, list_terms
from pckd.method.presets import PRESETS
from pckd.models import list_models
from pckd.models.names import ALIASES
from pckd.study.finding import SCHEMA, SHIPPED
from pckd.study.sampler_config import NAMES as SAMPLERS
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig
from pckd.transfer.protocols import PROTOCOLS

Schema = dict[str, Any]

DEFS = "#/$defs/"

OTHER_SPELLINGS = r"[A-Z/-]"
"""Mark of a network's name that is spelt in another way, or comes from a library."""

TEXT: Schema = {"type": "string"}

DOTTED = ("Changes", "Lists", "Parameters")
"""Definitions whose keys are dotted ones of a run: what they hold, by key of the run."""

KEPT: tuple[str, ...] = ("description", "default")
"""Keys of a schema that tell of a key, and not of its values."""


def study_schema() -> Schema:
    """The schema of a study file."""
    terms = {name: find_term(name).Config for name in list_terms()}
    classes: list[type[BaseModel]] = [StudySpec, RunConfig, *terms.values()]
    references, made = models_json_schema(
        [(each, "validation") for each in classes], ref_template=f"{DEFS}{{model}}"
    )
    defs = _untitled(made["$defs"])
    places = {name: references[kind, "validation"] for name, kind in terms.items()}
    _name_what_is_known(defs)
    _add_run(defs, places)
    _add_short_forms(defs)
    _add_plans(defs)
    study = defs.pop("StudySpec")
    study["properties"]["smoke"] = _smoke(study, defs)
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of pckd",
    }
    return {**about, **study, "$defs": _used(study, defs)}


def schema_text() -> str:
    """The schema as the content of a file."""
    return json.dumps(study_schema(), indent=1, ensure_ascii=False) + "\n"


def _name_what_is_known(defs: Schema) -> None:
    """Allow the names that are known here where the classes have any text."""
    networks = sorted({*list_models(), *ALIASES})
    defs["Network"] = {"anyOf": [{"enum": networks}, {**TEXT, "pattern": OTHER_SPELLINGS}]}
    defs["DataName"] = {"enum": list_data()}
    _set(defs, "RunConfig.student", _ref("Network"))
    _set(defs, "TeacherConfig.model", _ref("Network"))
    _set(defs, "Pair.student", _ref("Network"))
    _set(defs, "Pair.teacher", {"anyOf": [_ref("Network"), {"type": "null"}]})
    _set(defs, "DataConfig.name", _ref("DataName"))
    _set(defs, "RunConfig.method", {"enum": list(PRESETS)})
    _set(defs, "PreviewConfig.applies_to", {"type": "array", "items": {"enum": list_terms()}})
    _set(defs, "ProbeStage.protocol", {"enum": list(PROTOCOLS)})
    _set(defs, "SamplerConfig.name", {"enum": list(SAMPLERS)})


def _add_run(defs: Schema, terms: Mapping[str, Schema]) -> None:
    """Define a run of which anything may be left out, and the changes to one by dotted key."""
    weight = {"type": "number", "minimum": 0}
    defs["Loss"] = {
        "type": "object",
        "properties": {name: {"anyOf": [weight, place]} for name, place in terms.items()},
        "additionalProperties": False,
    }
    for name in ("DataConfig", "TeacherConfig", "RunConfig"):
        defs[name].pop("required", None)
    _set(defs, "RunConfig.data", _or(_property(defs, "RunConfig.data"), _ref("DataName")))
    teacher = _property(defs, "RunConfig.teacher")
    _set(defs, "RunConfig.teacher", _or(teacher, _ref("Network")))
    keys = dict(_keys(defs["RunConfig"], f"{DEFS}RunConfig", defs))
    lists = {key: {"type": "array", "items": value} for key, value in keys.items()}
    searched = dict.fromkeys(keys, _ref("Parameter"))
    for name, properties in zip(DOTTED, (keys, lists, searched), strict=True):
        defs[name] = {"type": "object", "properties": properties, "additionalProperties": False}


def _add_short_forms(defs: Schema) -> None:
    """Add what a file may say in place of a list or a mapping."""
    for place in ("UntilClear.against", "UntilClear.candidates", "ConfirmConfig.candidates"):
        _allow(defs, place, TEXT)
    _set(
        defs,
        "SearchConfig.sampler",
        _or(_property(defs, "SearchConfig.sampler"), {"enum": list(SAMPLERS)}),
    )
    target = {"anyOf": [_ref("DataConfig"), _ref("DataName")]}
    _set(defs, "ProbeStage.data", {"anyOf": [{"type": "array", "items": target}, target]})
    changed = {"type": "object", "additionalProperties": _or_null(_ref("Changes"))}
    names = {"type": "array", "items": TEXT}
    _set(defs, "ConfirmConfig.against", {"anyOf": [changed, names, TEXT]})
    for name in ("Space", "SearchConfig"):
        properties = defs[name]["properties"]
        properties.pop("first_names")
        properties["from"] = _or(properties.pop("start_from"), TEXT)
        point = _ref("Changes")
        named = {"type": "object", "additionalProperties": point}
        _set(defs, f"{name}.first", {"anyOf": [{"type": "array", "items": point}, named]})
        _set(defs, f"{name}.parameters", _ref("Parameters"))


def _add_plans(defs: Schema) -> None:
    """Define the keys of a study file that hold a run, or changes to it."""
    changes = _ref("Changes")
    cases = {"type": "object", "additionalProperties": changes}
    _set(defs, "StudySpec.run", _ref("RunConfig"))
    _set(defs, "StudySpec.cases", _or_null(cases))
    _set(defs, "StudySpec.grid", _or_null(_ref("Lists")))
    _set(defs, "StudySpec.vary_one", _or_null(_ref("Lists")))
    _set(defs, "Pair.changes", changes)
    _set(defs, "Pair.cases", cases)
    study = defs["StudySpec"]["properties"]
    study.pop("until_clear")
    clear = defs["UntilClear"]
    clear["properties"] = {"until": {"const": "clear"}, **clear["properties"]}
    clear["required"] = ["until", *clear["required"]]
    _allow(defs, "StudySpec.seeds", _ref("UntilClear"))


def _smoke(study: Schema, defs: Schema) -> Schema:
    """The block smoke: keys of the study and of its run, none of which it can rename."""
    kept = {
        name: each for name, each in study["properties"].items() if name not in ("study", "run")
    }
    keys = dict(_keys({"properties": kept}, "#", defs))
    keys.pop("smoke")
    about = {"type": "object", "description": study["properties"]["smoke"]["description"]}
    return {
        **about,
        "properties": {**keys, **defs["Changes"]["properties"]},
        "additionalProperties": False,
    }


def _keys(
    schema: Schema, place: str, defs: Schema, above: str = ""
) -> Iterator[tuple[str, Schema]]:
    """Each dotted key below a schema, with a reference to the schema of its value."""
    for name, each in schema.get("properties", {}).items():
        yield f"{above}{name}", {"$ref": f"{place}/properties/{name}"}
        for reference in _references(each):
            inner = reference.removeprefix(DEFS)
            if inner not in DOTTED:
                yield from _keys(defs[inner], reference, defs, f"{above}{name}.")


def _references(schema: Schema) -> list[str]:
    """The definitions that a value may be, itself or as one of several."""
    given = [schema, *schema.get("anyOf", [])]
    return [each["$ref"] for each in given if "$ref" in each]


def _used(schema: object, defs: Schema) -> Schema:
    """The definitions that a schema leads to, in their order."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        for reference in _all_references(waiting.pop()):
            name = reference.removeprefix(DEFS).partition("/")[0]
            if reference.startswith(DEFS) and name not in found:
                found.add(name)
                waiting.append(defs[name])
    return {name: each for name, each in defs.items() if name in found}


def _all_references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _all_references(each)


def _untitled(schema: Any) -> Any:  # noqa: ANN401
    """The same without titles, which only repeat the names of keys."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _untitled(each)
        for name, each in schema.items()
        if name != "title" or not isinstance(each, str)
    }


def _property(defs: Schema, place: str) -> Schema:
    name, _, key = place.partition(".")
    found: Schema = defs[name]["properties"][key]
    return found


def _set(defs: Schema, place: str, schema: Schema) -> None:
    """Replace the schema of a key, `CLASS.KEY`; its description and default stay."""
    before = _property(defs, place)
    kept = {name: before[name] for name in KEPT if name in before}
    defs[place.partition(".")[0]]["properties"][place.partition(".")[2]] = {**schema, **kept}


def _allow(defs: Schema, place: str, other: Schema) -> None:
    """Allow another schema for a key, `CLASS.KEY`, beside its own."""
    _set(defs, place, _or(_property(defs, place), other))


def _ref(name: str) -> Schema:
    return {"$ref": f"{DEFS}{name}"}


def _or(schema: Schema, other: Schema) -> Schema:
    """Allow what either schema allows, with the description of the first."""
    about = {name: schema[name] for name in KEPT if name in schema}
    rest = {name: each for name, each in schema.items() if name not in about}
    kinds = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {**about, "anyOf": [*kinds, other]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


if __name__ == "__main__":
    (SHIPPED / SCHEMA).write_text(schema_text(), encoding="utf-8")
