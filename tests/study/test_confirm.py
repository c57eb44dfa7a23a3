"""Confirming a study: what is compared, on which seeds, and what is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.confirm import check_confirm, confirm_study
from pckd.study.document import write_spec
from pckd.study.kept_study import kept_study
from pckd.study.outcome import Outcome
from pckd.study.plan import Ended
from pckd.study.spec import StudySpec
from pckd.study.trial import make_trial

RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}
SEARCH = {
    "trials": 3,
    "parameters": {"loss.kd": {"low": 0.1, "high": 10.0}},
    "first": {"released weights": {"loss.kd": 1.0}},
}
CONFIRM = {
    "against": {"released weights": None, "CE": {"method": "cross_entropy"}},
    "smallest_difference": 0.5,
    "seeds": {"at_most": 9},
}
CASES = {"A": {"loss.kd": 2.0}, "B": {"loss.kd": 3.0}}


def _spec(**changes: Any) -> StudySpec:  # noqa: ANN401
    values = {
        "study": "example",
        "run": RUN,
        "search": SEARCH,
        "seeds": [0, 4],
        "confirm": CONFIRM,
        **changes,
    }
    return validate(StudySpec, values, "example")


def _ended(spec: StudySpec, accuracies: Sequence[tuple[float, float, float]]) -> list[Ended]:
    """Trials of weights of KD: each with its accuracy under seed 0 and seed 4; NaN failed."""
    found: list[Ended] = []
    for weight, *both in accuracies:
        for seed, top1 in zip(spec.seeds, both, strict=True):
            trial = make_trial(spec, f"kd={weight}", {"loss.kd.weight": weight}, seed)
            status = "completed" if top1 == top1 else "failed"
            found.append((trial, Outcome(status, top1, test=top1 - 1)))
    return found


def _confirming(spec: StudySpec, ended: list[Ended]) -> StudySpec:
    confirming = confirm_study(spec, ended)
    assert confirming is not None
    return confirming


def test_the_best_by_the_held_out_mean_meets_its_references_on_fresh_seeds() -> None:
    spec = _spec()
    lost = float("nan")
    ended = _ended(spec, [(2.0, 50, 60), (3.0, 70, 41), (4.0, 56, 57), (5.0, 99, lost)])
    confirming = _confirming(spec, ended)
    assert confirming.study == "example-confirm"
    assert confirming.cases == {
        "winner": {"loss.kd.weight": 4.0},
        "released weights": {"loss.kd.weight": 1.0},
        "CE": {"method": "cross_entropy"},
    }
    assert confirming.seeds == tuple(range(5, 14))
    assert confirming.run["protocol"] == "holdout"
    design = confirming.until_clear
    assert design is not None
    assert (design.candidates, design.against) == (("winner",), ("released weights", "CE"))
    assert (design.smallest_difference, design.level, design.at_least) == (0.5, 0.05, 4)
    assert confirming.search is None


def test_of_equal_configurations_the_winner_does_not_depend_on_which_ended_first() -> None:
    spec = _spec()
    ended = _ended(spec, [(2.0, 50, 60), (3.0, 55, 55), (4.0, 40, 41)])
    assert _confirming(spec, ended).cases == _confirming(spec, ended[::-1]).cases


def test_a_shorter_run_is_no_winner() -> None:
    spec = _spec(seeds=[0])
    ended = [
        (
            make_trial(spec, name, {"loss.kd.weight": weight, "optimization.epochs": epochs}, 0),
            Outcome("completed", top1),
        )
        for name, weight, epochs, top1 in (("short", 2.0, 5, 90.0), ("full", 3.0, 10, 60.0))
    ]
    cases = _confirming(spec, ended).cases or {}
    assert cases["winner"] == {"loss.kd.weight": 3.0, "optimization.epochs": 10}


def test_plugins_are_those_of_the_study() -> None:
    spec = _spec(plugins=["my_losses.py"])
    assert _confirming(spec, _ended(spec, [(2.0, 50, 60)])).plugins == ("my_losses.py",)


def test_several_of_the_best_are_numbered() -> None:
    spec = _spec(confirm={**CONFIRM, "candidates": 2})
    ended = _ended(spec, [(2.0, 50, 60), (3.0, 70, 41), (4.0, 56, 57)])
    cases = _confirming(spec, ended).cases or {}
    assert list(cases)[:2] == ["winner", "winner 2"]
    assert cases["winner 2"] == {"loss.kd.weight": 3.0}


def test_named_cases_are_confirmed_as_they_are() -> None:
    confirm = {**CONFIRM, "candidates": "A", "against": "B"}
    spec = _spec(search=None, cases=CASES, confirm=confirm)
    assert _confirming(spec, []).cases == spec.cases


def test_the_kept_study_file_names_its_candidates_as_a_list(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    confirm = {**CONFIRM, "candidates": ["A"], "against": ["B"]}
    spec = _spec(search=None, cases=CASES, confirm=confirm)
    write_spec(spec, storage)
    assert kept_study(storage, "example", {}).confirm == spec.confirm


def test_a_study_whose_folder_was_renamed_has_the_name_of_the_folder(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    write_spec(_spec(), storage)
    storage.move("example", "earlier")
    assert kept_study(storage, "earlier", {}).study == "earlier"


def test_a_winner_that_is_a_reference_is_not_compared_with_itself() -> None:
    spec = _spec()
    design = _confirming(spec, _ended(spec, [(1.0, 50, 60), (3.0, 40, 41)])).until_clear
    assert design is not None
    cases = _confirming(spec, _ended(spec, [(1.0, 50, 60)])).cases or {}
    assert design.compared(cases) == [("winner", "CE")]
    alone = _spec(confirm={**CONFIRM, "against": "released weights"})
    assert confirm_study(alone, _ended(alone, [(1.0, 50, 60)])) is None


def test_smoke_stays_at_the_end_of_the_name() -> None:
    spec = _spec(study="example-smoke", run={**RUN, "scale": "smoke"})
    confirming = _confirming(spec, _ended(spec, [(2.0, 50, 60)]))
    assert confirming.study == "example-confirm-smoke"


def test_a_search_without_a_completed_configuration_has_no_best() -> None:
    spec = _spec()
    with pytest.raises(InputError, match="none is best"):
        _confirming(spec, _ended(spec, [(2.0, 50, float("nan"))]))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"against": "released weigths"}, "did you mean released weights"),
        ({"against": {"winner": {"method": "kd"}}}, "the name of a candidate"),
        ({"candidates": "A"}, "a number, of the best"),
        ({"candidates": 0}, "1 or more"),
        ({"candidates": 1.5}, r"confirm\.candidates: 1\.5 is neither a whole number nor names"),
        ({"smallest_difference": -1}, "smallest_difference"),
        ({"seeds": {"at_least": 1}}, "at_least"),
    ],
)
def test_what_cannot_be_confirmed_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        _spec(confirm={**CONFIRM, **changes})


def test_a_candidate_is_named_once() -> None:
    with pytest.raises(InputError, match=r'confirm\.candidates lists "A" twice'):
        _spec(
            search=None, cases=CASES, confirm={**CONFIRM, "candidates": ["A", "A"], "against": "B"}
        )


def test_confirm_needs_something_to_confirm() -> None:
    with pytest.raises(InputError, match="confirm is for a search"):
        _spec(search=None)
    with pytest.raises(InputError, match="names of cases"):
        _spec(search=None, cases=CASES)


def test_a_reference_whose_run_is_not_valid_is_found_before_any_work() -> None:
    spec = _spec(confirm={**CONFIRM, "against": {"X": {"loss.kdd": 1.0}}})
    with pytest.raises(InputError, match="kdd"):
        check_confirm(spec)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seeds": {"at_least": 9, "at_most": 5}}, r"confirm: seeds: at_most \(5\) is below"),
        ({"seeds": {"at_most": 2000}}, "confirm: seeds: at_most"),
        ({"level": 0.0009}, "too small for 2 comparisons"),
    ],
)
def test_a_design_that_is_not_valid_is_found_before_any_work(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        check_confirm(_spec(confirm={**CONFIRM, **changes}))


def test_a_pair_without_a_case_that_is_confirmed_is_found_before_any_work() -> None:
    pairs = [{"student": "resnet8"}, {"student": "resnet14", "without": ["B"]}]
    confirm = {**CONFIRM, "candidates": "A", "against": "B"}
    with pytest.raises(InputError, match="confirm: seeds compare B, which pair resnet14 is with"):
        check_confirm(_spec(search=None, cases=CASES, pairs=pairs, confirm=confirm))


def test_what_is_valid_is_let_through() -> None:
    check_confirm(_spec(confirm={**CONFIRM, "candidates": 2}))
    spaces = {name: {"parameters": {"loss.crd": {"low": 0.1, "high": 1.0}}} for name in CASES}
    confirm = {**CONFIRM, "candidates": "A", "against": ["B"]}
    check_confirm(_spec(search={"trials": 3, "spaces": spaces}, cases=CASES, confirm=confirm))
    same = {"A": CASES["A"], "B": CASES["A"]}
    check_confirm(_spec(search=None, cases=same, confirm=confirm))


def test_the_kept_study_file_takes_a_block_confirm_afterwards(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    spec = _spec(confirm=None)
    write_spec(spec, storage)
    assert kept_study(storage, "example", {}).base_run("kept") == spec.base_run("given")
    with pytest.raises(InputError, match="no block confirm"):
        _confirming(kept_study(storage, "example", {}), [])
    changes = {"confirm.against": "released weights", "confirm.smallest_difference": 0.2}
    kept = kept_study(storage, "example", changes)
    assert kept.confirm is not None
    assert kept.confirm.smallest_difference == 0.2
