"""The JSON Schema of study files: what is shipped is valid, and mistakes are found."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from pckd.method import list_terms
from pckd.study.finding import EDITORS, SCHEMA, SHIPPED
from pckd.yaml_text import parse_yaml

WRITTEN = (SHIPPED / SCHEMA).read_text(encoding="utf-8")
VALIDATOR = Draft202012Validator(json.loads(WRITTEN))
FILES = sorted(SHIPPED.glob("*.yaml"))
RUN = "run: {data: digits, student: resnet8, teacher: resnet20"


def faults(text: str) -> list[str]:
    """Faults of a study file, each with the place where it stands, and their reasons."""
    return list(_described(VALIDATOR.iter_errors(parse_yaml(text))))


def _described(errors: Iterable[ValidationError]) -> Iterator[str]:
    for error in errors:
        yield f"{error.json_path}: {error.message}"
        yield from _described(error.context)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(WRITTEN))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_files_are_valid_and_name_the_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"# {EDITORS} $schema={SCHEMA}\n")
    assert faults(text) == []


@pytest.mark.parametrize(
    "rest",
    [
        "}",
        ", loss: {kd: 0.5, crd: {negatives: 64}}}",
        "}\nseeds: {until: clear, against: A, smallest_difference: 1}\ncases: {A: {}, B: {}}",
        "}\ncases: {a: {loss.kd: 1, loss.crd.negatives: 9, optimization: {epochs: 2}}}",
        "}\nprobe: {data: digits}",
        "}\nsearch: {trials: 2, sampler: gp, from: demo, parameters: {loss.kd: {choices: [1]}}}",
        "}\nconfirm: {candidates: a, against: {b: {loss.kd: 2}}, smallest_difference: 1}",
        "}\npairs: [{teacher: ResNet56, student: torchvision/resnet18, without: [a]}]",
    ],
)
def test_short_forms_are_allowed(rest: str) -> None:
    assert faults(f"study: example\n{RUN}{rest}\n") == []


WRONG = {
    "}\nseads: [0]": "'seads' was unexpected",
    "}\nseeds: 3": "$.seeds",
    "}\nseeds: [one]": "$.seeds",
    "}\nseeds: [0, 0]": "$.seeds",
    "}\nseeds: [-1]": "$.seeds",
    ", optimisation: {epochs: 3}}": "'optimisation' was unexpected",
    ", optimization: {epochs: ten}}": "$.run.optimization",
    ", optimization: {epochs: 0}}": "$.run.optimization",
    ", loss: {kdd: 1}}": "$.run.loss",
    ", loss: {kd: -1}}": "$.run.loss",
    ", loss: {kd: {temprature: 4}}}": "$.run.loss",
    ", preview: {strategy: previw}}": "$.run.preview",
    "}\ncases: {a: {loss.kdd: 1}}": "'loss.kdd' was unexpected",
    "}\ncases: {a: {student: resnt8}}": "$.cases.a.student",
    "}\nvary_one: {loss.kd: 3}": "$.vary_one",
    "}\nvary_one: {los.kd: [3]}": "'los.kd' was unexpected",
    "}\nvary_one: {loss.kd: [-3]}": "$.vary_one",
    "}\nsearch: {parameters: {loss.kd: {low: 0.1, high: 1}}}": "$.search",
    "}\nsearch: {trials: 3, sampler: tep, parameters: {loss.kd: {low: 0.1}}}": "$.search",
    "}\nresources: {wrokers: 2}": "'wrokers' was unexpected",
    "}\nprobe: {data: digits, protocol: exat}": "$.probe",
    "}\nkeep: frist": "$.keep",
    "}\nsmoke: {optimization.epocs: 3}": "'optimization.epocs' was unexpected",
}


@pytest.mark.parametrize(("rest", "fault"), WRONG.items())
def test_a_mistake_is_found_where_it_stands(rest: str, fault: str) -> None:
    assert any(fault in each for each in faults(f"study: example\n{RUN}{rest}\n"))


@pytest.mark.parametrize("text", ["study: example", "study: Über\nrun: {}", "- 1", "run: {}"])
def test_what_is_no_study_is_refused(text: str) -> None:
    assert faults(text)


def test_each_parameter_of_a_term_is_a_key_of_a_case() -> None:
    schema: dict[str, Any] = json.loads(WRITTEN)
    keys = schema["$defs"]["Changes"]["properties"]
    assert {f"loss.{name}.weight" for name in list_terms()} <= keys.keys()
    assert "optimization.epochs" in keys
