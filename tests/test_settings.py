"""Settings: errors as sentences, changes by dotted keys, and what is read from YAML."""

import copy
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from pckd.errors import InputError
from pckd.nested import with_changes
from pckd.settings import Settings, parse_assignments, read_yaml, validate


class Oven(Settings):
    degrees: float = Field(180.0, gt=0, description="Celsius")
    mode: Literal["fan", "grill"] = "fan"


class Bakery(Settings):
    name: str
    oven: Oven = Field(default_factory=Oven)
    batches: tuple[int, ...] = ()
    open: bool = True
    spares: tuple[Oven, ...] = ()
    flours: tuple[str, ...] = ()


def refusal(values: object) -> str:
    """Message of a refused value: one sentence that begins with the source."""
    with pytest.raises(InputError) as caught:
        validate(Bakery, values, "bakery.yaml")
    text = str(caught.value)
    assert text.startswith("bakery.yaml: ")
    assert "\n" not in text
    return text.removeprefix("bakery.yaml: ")


def test_valid_values_become_a_frozen_object() -> None:
    bakery = validate(Bakery, {"name": "Rye", "oven": {"degrees": 220}}, "bakery.yaml")
    assert (bakery.oven.degrees, bakery.oven.mode) == (220.0, "fan")
    assert validate(Bakery, {"name": "Rye", "batches": [1, 2]}, "bakery.yaml").batches == (1, 2)
    with pytest.raises(ValidationError, match="frozen"):
        bakery.name = "Wheat"  # type: ignore[misc]


def test_an_unknown_key_gets_the_allowed_ones_and_the_near_ones() -> None:
    allowed = "allowed: batches, flours, name, open, oven, spares"
    assert refusal({"name": "Rye", "ovne": {}}) == (
        f"ovne is not a known key; {allowed}; did you mean oven?"
    )
    assert refusal({"name": "Rye", "zzz": 1}) == f"zzz is not a known key; {allowed}"
    assert refusal({"name": "Rye", "oven": {"degres": 1}}) == (
        "oven.degres is not a known key; allowed: degrees, mode; did you mean degrees?"
    )
    assert refusal({"name": "Rye", "spares": [{}, {"mod": "fan"}]}) == (
        "spares.1.mod is not a known key; allowed: degrees, mode; did you mean mode?"
    )


def test_a_misspelt_key_is_named_before_the_key_that_it_leaves_missing() -> None:
    assert refusal({"nmae": "Rye"}).startswith("nmae is not a known key")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, r"name is missing"),
        ({"name": 3}, r'name is 3: it is text: write it in quotes, "3"'),
        ({"name": False}, r'name is False: it is text: write it in quotes, "false"'),
        ({"name": ["Rye"]}, r"name is \['Rye'\]: it is text"),
        ({"name": "Rye", "batches": [1, 2.5]}, r"batches\.1 is 2\.5: .*whole number, such as 10"),
        ({"name": "Rye", "batches": [1, 2.0]}, r"batches\.1 is 2\.0: .*whole number: write 2"),
        ({"name": "Rye", "batches": ["010"]}, r"batches\.0 is '010': .*whole number: write 10"),
        ({"name": "Rye", "batches": [True]}, r"batches\.0 is True: .*whole number, such as 10"),
        ({"name": "Rye", "batches": ["1:30"]}, r"batches\.0 is '1:30': .*number, such as 10"),
        (
            {"name": "Rye", "batches": "0,1,2"},
            r"batches is '0,1,2': .* list: write \[0, 1, 2\]",
        ),
        ({"name": "Rye", "batches": "0-4"}, r"batches is '0-4': .*: write \[0, 1, 2, 3, 4\]"),
        ({"name": "Rye", "batches": "0..99"}, r"batches is .*: write \[0, 1, \.\.\., 99\]"),
        ({"name": "Rye", "batches": "(0 1)"}, r"batches is '\(0 1\)': .*: write \[0, 1\]"),
        ({"name": "Rye", "batches": "range(5)"}, r"batches is .*: it is a list: write \[\.\.\.\]"),
        ({"name": "Rye", "flours": "rye"}, r"flours is 'rye': it is a list: write \[rye\]"),
        ({"name": "Rye", "batches": [2**63]}, r"batches is 9223372036854775808: at most \d+7"),
        ({"name": "Rye", "oven": {"degrees": "200"}}, r"oven\.degrees is '200': .*: write 200"),
        ({"name": "Rye", "oven": {"degrees": "hot"}}, r"oven\.degrees is 'hot': .*, such as 0\.5"),
        ({"name": "Rye", "open": 1}, r"open is 1: it is true or false"),
        ({"name": "Rye", "open": "no"}, r"open is 'no': it is true or false"),
        ({"name": "Rye", "oven": {"degrees": 0}}, r"oven\.degrees is 0: it must .* than 0"),
        ({"name": "Rye", "oven": {"mode": "steam"}}, r"oven\.mode is 'steam': .*'fan' or 'grill'"),
        ({"name": "Rye", "oven": {"degrees": float("nan")}}, r"oven\.degrees is nan: .* finite.*"),
        ({"name": "Rye", "oven": {"degrees": float("-inf")}}, r"oven\.degrees is -inf: .*finite.*"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(values: dict[str, Any], sentence: str) -> None:
    assert re.fullmatch(sentence, refusal(values))


@pytest.mark.parametrize("values", [3, [1], {"name": "Rye", "oven": 5}, {"name": "Rye", 1: 2}])
def test_a_value_of_the_wrong_kind_is_refused_without_naming_a_class(values: object) -> None:
    assert not re.search("Bakery|Oven|dict", refusal(values))


def test_further_problems_are_counted() -> None:
    assert refusal({"batches": ["a", "b"], "oven": {"degrees": -1}}).endswith("(and 3 more)")
    assert "more)" not in refusal({"name": 3})


KEYS = st.sampled_from(["a", "b", "c"])
LEAVES = st.integers() | st.text(max_size=3) | st.booleans()
NESTED: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
)


def steps(values: Any, key: str) -> list[Any]:  # noqa: ANN401
    """Values at each step of a dotted key, as far as there are any."""
    found: list[Any] = []
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            break
        values = values[part]
        found.append(values)
    return found


@given(NESTED, st.lists(KEYS, min_size=1, max_size=3), LEAVES)
def test_changes_arrive_and_leave_the_original_and_all_else_alone(
    values: dict[str, Any], parts: list[str], value: object
) -> None:
    key, before = ".".join(parts), copy.deepcopy(values)
    blocked = any(not isinstance(step, dict) for step in steps(values, key)[: len(parts) - 1])
    if blocked:
        with pytest.raises(InputError):
            with_changes(values, {key: value})
    else:
        changed = with_changes(values, {key: value})
        assert steps(changed, key)[len(parts) - 1 :] == [value]
        assert {**changed, parts[0]: 0} == {**values, parts[0]: 0}
    assert values == before


def test_a_section_that_is_left_empty_in_the_file_can_be_set_below() -> None:
    assert with_changes({"loss": None}, {"loss.kd": 1.0}) == {"loss": {"kd": 1.0}}


def test_a_mapping_that_is_set_leaves_what_it_does_not_name() -> None:
    before = {"resources": {"workers": 1, "price": 2.5}, "search": {"sampler": "tpe"}}
    changes = {"resources": {"workers": 2}, "search.sampler": {"name": "random"}}
    assert with_changes(before, changes) == {
        "resources": {"workers": 2, "price": 2.5},
        "search": {"sampler": {"name": "random"}},
    }


def test_a_key_that_leads_through_a_value_is_named_in_full() -> None:
    with pytest.raises(InputError, match=r"^a\.b\.c: "):
        with_changes({"a": {"b": 5}}, {"a.b.c": 1})


@pytest.mark.parametrize("key", [".", "a.", ".a", "a..b"])
def test_a_key_without_a_name_beside_a_dot_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=rf"^{re.escape(key)}: a key has a name on either side"):
        with_changes({"a": {"b": 5}}, {key: 1})


def test_assignments_are_read_as_yaml() -> None:
    given = [
        "loss.kd=0.5",
        "data.classes=[0, 1]",
        "teacher=null",
        "student=a=b",
        "views.flip=false",
    ]
    assert parse_assignments(given) == {
        "loss.kd": 0.5,
        "data.classes": [0, 1],
        "teacher": None,
        "student": "a=b",
        "views.flip": False,
    }
    assert parse_assignments(["seed=1", "seed=2"]) == {"seed": 2}


@pytest.mark.parametrize("assignment", ["loss.kd", "=1", "", "loss.kd=[1", "a={b: 1, b: 2}"])
def test_an_assignment_that_cannot_be_read_is_quoted(assignment: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"--set {assignment}: ")):
        parse_assignments([assignment])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"run: {a: 1}\nloss: [1\n", "is not YAML (line 3)"),
        (b"a: 1\nb: !!python/name:os.system\n", "is not YAML (line 2)"),
        (b"a: !!int x\n", "is not YAML"),
        (b"seed: 1\nseed: 2\n", "is not YAML (line 2): seed is given twice"),
        (b"- a\n- b\n", "holds no mapping of keys to values"),
        (b"", "holds no mapping of keys to values"),
        (b"\xff\xfe", "is no UTF-8 text: save it in that encoding"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"{file}: {problem}")):
        read_yaml(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml: there is no such file$"):
        read_yaml(tmp_path / "nothing.yaml")
