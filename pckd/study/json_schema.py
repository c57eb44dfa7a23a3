"""JSON Schema of study files, by which editors complete keys and mark mistakes while one types.

It is made from the classes of the settings, and of the terms, networks and data sets that are known
here. Files may be shorter than the classes: what may stand in place of a mapping is added here.

`python -m pckd.study.json_schema` writes `studies/study.schema.json`, which is shipped.
"""

import json
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pckd.data import list_data
from pckd.method import find_term, list_terms
from pckd.method.presets import PRESETS
from pckd.models import list_models
from pckd.models.names import ALIASES
from pckd.study.finding import SCHEMA, SHIPPED
from pckd.study.sampler_config import NAMES as SAMPLERS
from pckd.study.schema_parts import (
    NULL,
    PLACE,
    Definitions,
    Schema,
    either,
    listed,
    mapping,
    named,
    ref,
    untitled,
)
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig
from pckd.transfer.protocols import PROTOCOLS

OTHER_SPELLINGS = r"[A-Z/-]"
"""Mark of a network's name that is spelt in another way, or comes from a library."""

TEXT: Schema = {"type": "string"}

DOTTED = ("Changes", "Lists", "Parameters")
"""Definitions of mappings by dotted key of the run: to a value, to several, to a parameter."""


def study_schema() -> Schema:
    """The schema of a study file."""
    terms = {name: find_term(name).Config for name in list_terms()}
    classes: list[type[BaseModel]] = [StudySpec, RunConfig, *terms.values()]
    references, made = models_json_schema(
        [(each, "validation") for each in classes], ref_template=f"{PLACE}{{model}}"
    )
    defs = Definitions(untitled(made["$defs"]))
    _name_what_is_known(defs)
    _add_run(defs, {name: references[kind, "validation"] for name, kind in terms.items()})
    _add_short_forms(defs)
    _add_plans(defs)
    study = defs.pop("StudySpec")
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of pckd",
    }
    return {**about, **study, "$defs": defs.used(study)}


def schema_text() -> str:
    """The schema as the content of a file."""
    return json.dumps(study_schema(), indent=1, ensure_ascii=False) + "\n"


def _name_what_is_known(defs: Definitions) -> None:
    """Allow the names that are known here where the classes have any text."""
    networks: Schema = {"enum": sorted({*list_models(), *ALIASES})}
    defs["Network"] = either(networks, {**TEXT, "pattern": OTHER_SPELLINGS})
    defs["DataName"] = {"enum": list_data()}
    for place in ("RunConfig.student", "TeacherConfig.model", "Pair.student"):
        defs.set(place, ref("Network"))
    defs.set("Pair.teacher", either(ref("Network"), NULL))
    defs.set("DataConfig.name", ref("DataName"))
    defs.set("RunConfig.method", {"enum": list(PRESETS)})
    defs.set("PreviewConfig.applies_to", listed({"enum": list_terms()}))
    defs.set("ProbeStage.protocol", {"enum": list(PROTOCOLS)})
    defs.set("SamplerConfig.name", {"enum": list(SAMPLERS)})


def _add_run(defs: Definitions, terms: Mapping[str, Schema]) -> None:
    """Define a run of which anything may be left out, and mappings by its dotted keys."""
    weight: Schema = {"type": "number", "minimum": 0}
    defs["Loss"] = mapping({name: either(weight, settings) for name, settings in terms.items()})
    for name in ("DataConfig", "TeacherConfig", "RunConfig"):
        defs[name].pop("required", None)
    defs.allow("RunConfig.data", ref("DataName"))
    defs.allow("RunConfig.teacher", ref("Network"))
    keys = dict(defs.keys_below(defs["RunConfig"], f"{PLACE}RunConfig", DOTTED))
    defs["Changes"] = mapping(keys)
    defs["Lists"] = mapping({key: listed(value) for key, value in keys.items()})
    defs["Parameters"] = mapping(dict.fromkeys(keys, ref("Parameter")))


def _add_short_forms(defs: Definitions) -> None:
    """Add what a file may say in place of a list or a mapping."""
    for place in ("UntilClear.against", "UntilClear.candidates", "ConfirmConfig.candidates"):
        defs.allow(place, TEXT)
    defs.allow("SearchConfig.sampler", {"enum": list(SAMPLERS)})
    target = either(ref("DataConfig"), ref("DataName"))
    defs.set("ProbeStage.data", either(listed(target), target))
    changed = named(either(ref("Changes"), NULL))
    defs.set("ConfirmConfig.against", either(changed, listed(TEXT), TEXT))
    for name in ("Space", "SearchConfig"):
        properties = defs[name]["properties"]
        properties.pop("first_names")
        properties["from"] = properties.pop("start_from")
        defs.allow(f"{name}.from", TEXT)
        defs.set(f"{name}.first", either(listed(ref("Changes")), named(ref("Changes"))))
        defs.set(f"{name}.parameters", ref("Parameters"))


def _add_plans(defs: Definitions) -> None:
    """Define the keys of a study file that hold a run, or changes to it."""
    cases = named(ref("Changes"))
    defs.set("StudySpec.run", ref("RunConfig"))
    defs.set("StudySpec.cases", either(cases, NULL))
    defs.set("StudySpec.grid", either(ref("Lists"), NULL))
    defs.set("StudySpec.vary_one", either(ref("Lists"), NULL))
    defs.set("Pair.changes", ref("Changes"))
    defs.set("Pair.cases", cases)
    study, clear = defs["StudySpec"]["properties"], defs["UntilClear"]
    study.pop("until_clear")  # it is written as seeds
    clear["properties"] = {"until": {"const": "clear"}, **clear["properties"]}
    clear["required"] = ["until", *clear["required"]]
    defs.allow("StudySpec.seeds", ref("UntilClear"))
    fixed = ("study", "run", "smoke")
    own = {"properties": {name: each for name, each in study.items() if name not in fixed}}
    keys = dict(defs.keys_below(own, "#", DOTTED))
    defs.set("StudySpec.smoke", mapping({**keys, **defs["Changes"]["properties"]}))


if __name__ == "__main__":
    (SHIPPED / SCHEMA).write_text(schema_text(), encoding="utf-8")
