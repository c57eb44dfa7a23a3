"""`pckd terms` and `pckd methods`: what can stand in a loss."""

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
import yaml

from pckd.method import find_term, list_terms
from pckd.method.presets import PRESETS
from pckd.training.config import RunConfig

Command = Callable[..., str]
RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet14"}


def test_every_term_is_listed_with_its_parameters_and_its_source(command: Command) -> None:
    rows = {row["term"]: row for row in json.loads(command("terms", "--json"))}
    assert list(rows) == list_terms()
    for name, row in rows.items():
        parameters = dict.fromkeys(each["name"].partition(".")[0] for each in row["parameters"])
        assert list(parameters) == list(find_term(name).Config.model_fields)
        assert all(each["about"] and each["allowed"] for each in row["parameters"])
        assert row["about"]
        assert "=" in row["equation"]
        assert "[B" in row["equation"] or "a scalar" in row["equation"]
        assert row["source"] or name == "cross_entropy"


def test_a_broken_package_hides_no_other_term(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("broken", "no_such_package:Term", "pckd.terms")
    monkeypatch.setattr("pckd.method.registry._offered", lambda: {"broken": broken})
    assert "broken" in list_terms()
    rows = json.loads(command("terms", "--json"))
    assert [row["term"] for row in rows] == [name for name in list_terms() if name != "broken"]


def test_one_term_is_explained(command: Command) -> None:
    (row,) = json.loads(command("terms", "kd", "--json"))
    assert (row["needs"], row["values"]) == (["teacher"], "per sample")
    assert {each["name"]: (each["default"], each["allowed"]) for each in row["parameters"]} == {
        "weight": (1.0, "at least 0"),
        "temperature": (4.0, "above 0"),
        "standardise": (False, "true or false"),
    }
    page = command("terms", "kd")
    assert row["equation"] in page
    assert "below loss.kd in a study file" in page


def test_a_default_that_depends_on_another_is_told(command: Command) -> None:
    (row,) = json.loads(command("terms", "center_contrast", "--json"))
    assert {each["name"]: each["default"] for each in row["parameters"]}["temperature"] == 0.1


def test_needs_are_told(command: Command) -> None:
    (row,) = json.loads(command("terms", "sp", "--json"))
    assert row["needs"] == ["teacher", "maps", "whole batch"]
    (row,) = json.loads(command("terms", "feature_alignment", "--json"))
    assert row["needs"] == ["teacher", "4 copies"]


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("words", [["terms"], ["terms", "dkd"], ["methods"], ["methods", "dkd"]])
def test_lists_fit_a_terminal(
    words: list[str], width: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = command(*words).splitlines()
    assert max(map(len, lines)) <= width


def test_every_method_is_listed_with_its_weights_and_its_source(command: Command) -> None:
    rows = {row["method"]: row for row in json.loads(command("methods", "--json"))}
    assert rows.keys() == PRESETS.keys()
    assert rows["kd"]["loss"]["kd"] == {"weight": 0.9, "temperature": 4.0, "standardise": False}
    assert rows["mld"]["optimization"]["epochs"] == 480
    assert all(row["source"] for row in rows.values())
    listed = command("methods").splitlines()
    assert any(line.startswith("kd_standardised") and "kd 9 (temp" in line for line in listed)


@pytest.mark.parametrize("method", PRESETS)
def test_a_method_written_out_is_the_same_run(method: str, command: Command) -> None:
    written = RunConfig.model_validate({**RUN, **yaml.safe_load(command("methods", method))})
    assert written == RunConfig.model_validate({**RUN, "method": method})


@pytest.mark.parametrize(("kind", "word"), [("terms", "kdd"), ("methods", "kdd")])
def test_an_unknown_name_is_a_sentence(kind: str, word: str, command: Command) -> None:
    error = command(kind, word, code=2)
    assert "kdd" in error
    assert "did you mean kd" in error
    assert len(error.splitlines()) == 1
