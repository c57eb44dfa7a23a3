"""YAML as people write it: plain words by the core schema of version 1.2, merges, no key twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pckd.yaml_text import parse_yaml, to_yaml

TEXT = [
    "no",
    "yes",
    "off",
    "on",
    "y",
    "N",
    "1:30",
    "010",
    "1_000",
    "2020-01-01",
    "0b1",
    "=",
    "-",
    "",
]
"""Text in quotes or, but for the last two, without."""


@pytest.mark.parametrize("word", TEXT[:-2])
def test_what_only_older_readers_take_for_something_else_is_text(word: str) -> None:
    assert parse_yaml(f"key: {word}") == {"key": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 0.001),
        ("5E4", 50000.0),
        ("-1.5e+2", -150.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", float("-inf")),
        ("12", 12),
        ("-0", 0),
        ("0x1f", 31),
        ("0o17", 15),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ('"12"', "12"),
    ],
)
def test_plain_words_have_the_type_of_the_core_schema(word: str, value: object) -> None:
    read = parse_yaml(f"key: {word}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_names_as_they_are_written() -> None:
    assert parse_yaml("no: 1\n1:30: 2\n1e-3: 3\ntrue: 4") == {
        "no": 1,
        "1:30": 2,
        "1e-3": 3,
        "true": 4,
    }


def test_a_merge_key_adds_what_the_mapping_does_not_say_itself() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\nd: {<<: *a}\n"
    read = parse_yaml(text)
    assert read["c"] == {"x": 5, "y": 2, "z": 4}
    assert read["d"] == read["a"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", r"\(line 3\): a is given twice"),
        ("a:\n\tb: 1", r"\(line 2\): a tab, where only spaces indent"),
        ("a: {<<: {b: 1}, b: 2, b: 3}", r"\(line 1\): b is given twice"),
        ("[a]: 1", r"\(line 1\): a key is a name"),
        ("a: [1", r"\(line 1\)"),
        ("a: !!int 010", "is not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("a: &a [1, *a]", r"\(line 1\): an alias repeats itself"),
        ("a: &a\n  <<: *a", r"\(line 1\): an alias repeats itself"),
        (r'a: "b\0c"', r"\(line 1\): a sign that no file can hold"),
        (r'"a\ud800": 1', r"\(line 1\): a sign that no file can hold"),
        ("a: 0x" + "f" * 5000, r"\(line 1\): a whole number of 5002 characters"),
        ("a: " + "9" * 5000, r"\(line 1\): a whole number of 5000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_yaml(text)


@pytest.mark.parametrize("text", ["a: 1\u00a0", "a:\u00a01", "a:\n\u00a0\u00a0b: 1", "a: x\u200b"])
def test_what_looks_like_a_space_or_nothing_is_named_unless_it_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(line [12]\): U\+(00A0|200B), which looks"):
        parse_yaml(text)
    assert parse_yaml("a: '1\u00a0\u200b' # \u00a0") == {"a": "1\u00a0\u200b"}
    assert parse_yaml("\ufeffa: \u03bb") == {"a": "\u03bb"}, "a mark at the beginning is none of it"


@pytest.mark.parametrize(
    "next_level",
    [
        "a{}: &a{} [{}]",
        "a{}: &a{} {{<<: [{}]}}",
        "a{}: &a{} {{b: [{}]}}",
    ],
)
def test_aliases_that_add_up_to_billions_are_refused_before_they_are_written_out(
    next_level: str,
) -> None:
    text = "a0: &a0 {x: 1}\n"
    for level in range(1, 40):
        text += next_level.format(level, level, ", ".join([f"*a{level - 1}"] * 9)) + "\n"
    with pytest.raises(ValueError, match="more than 200,000 values, aliases written out"):
        parse_yaml(text)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(TEXT)
)
WORDS = st.text("01.:-+_eExno~<=y#&*!{} \n'\"ß", max_size=6)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4), st.booleans())
def test_what_is_written_is_read_again(values: dict[str, Any], flow: bool) -> None:
    text = to_yaml(values, flow=flow)
    assert text.isascii()
    assert parse_yaml(text) == values
