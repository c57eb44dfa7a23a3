"""Seeds until it is clear: what is handed out, what is settled, what a restart knows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.clear_plan import UntilClearPlan
from pckd.study.kept_verdicts import keep_verdicts
from pckd.study.outcome import Outcome
from pckd.study.planning import check_plan, make_plan
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.study.verdicts import decide

CASES = {"KD": {"method": "kd"}, "CE": {"method": "cross_entropy"}, "PCKD": {}}
SEEDS = {"until": "clear", "against": "CE", "smallest_difference": 1.0, "at_most": 12, "first": 3}
RUN = {"data": "digits", "student": "resnet8", "teacher": "resnet20"}


def _spec(**changes: Any) -> StudySpec:  # noqa: ANN401
    values = {"study": "clear", "run": RUN, "cases": CASES, "seeds": SEEDS, **changes}
    return validate(StudySpec, values, "example")


def _accuracy(trial: Trial) -> float:
    """PCKD is far above the cross entropy; KD is a little above."""
    noise = np.random.default_rng(trial.config.seed).standard_normal()
    other = np.random.default_rng(1000 + trial.config.seed).standard_normal()
    gains = {"CE": 0, "KD": 1.2 + other / 2, "PCKD": 20 + other / 10}
    return float(50 + noise + gains[trial.case])


def _run(
    plan: UntilClearPlan,
    side_by_side: int = 1,
    trained: int = 1000,
    accuracy: Callable[[Trial], float | None] = _accuracy,
) -> dict[str, Outcome]:
    """Train a plan's trials, so many side by side; returns the outcomes, by identity."""
    running: list[Trial] = []
    outcomes: dict[str, Outcome] = {}
    while len(outcomes) < trained:
        while len(running) < side_by_side and (trial := plan.next_trial()) is not None:
            running.append(trial)
        if not running:
            assert not plan.waits
            break
        trial = running.pop(0)
        top1 = accuracy(trial)
        outcome = Outcome("failed" if top1 is None else "completed", top1, test=top1)
        outcomes[trial.identity] = outcome
        plan.tell(trial, outcome)
    return outcomes


def _names(plan: UntilClearPlan) -> dict[str, str]:
    return {each.candidate[0].case: standing.verdict.name for each, standing in plan.verdicts}


def _seeds(plan: UntilClearPlan) -> dict[str, list[int]]:
    by_case: dict[str, list[int]] = {}
    for trial, _ in plan.ended:
        by_case.setdefault(trial.case, []).append(trial.config.seed)
    return {case: sorted(seeds) for case, seeds in by_case.items()}


def test_two_references_that_are_one_run_are_compared_once() -> None:
    cases = {"KD": {"method": "kd"}, "CE": {"method": "cross_entropy"}, "alone": {}, "PCKD": {}}
    cases["alone"] = cases["CE"]
    seeds = {**SEEDS, "candidates": ["PCKD", "KD"], "against": ["CE", "alone", "KD again"]}
    plan = UntilClearPlan(_spec(cases={**cases, "KD again": cases["KD"]}, seeds=seeds), {})
    named = [(each.candidate[0].case, each.reference[0].case) for each in plan.comparisons]
    assert named == [("PCKD", "CE"), ("PCKD", "KD again"), ("KD", "CE")]
    assert {each.comparisons for each in plan.comparisons} == {3}
    assert plan.notices() == [
        "PCKD is not compared with alone, which is the same run as CE",
        "KD is not compared with alone, which is the same run as CE",
        "KD is not compared with KD again, which is the same run as KD",
        "alone is the same run as CE, trained once",
        "KD again is the same run as KD, trained once",
    ]


def test_two_cases_that_come_to_one_run_are_not_compared() -> None:
    cases = {"KD": {"method": "kd"}, "by default": {"method": "kd", "loss.kd": 0.9}, "PCKD": {}}
    seeds = {**SEEDS, "against": "KD"}
    plan = UntilClearPlan(_spec(cases=cases, seeds=seeds), {})
    assert [each.candidate[0].case for each in plan.comparisons] == ["PCKD"]
    assert {each.comparisons for each in plan.comparisons} == {1}
    assert plan.notices() == ["by default is the same run as KD, trained once"]
    with pytest.raises(InputError, match="study clear: the cases that it compares come to the sam"):
        check_plan(_spec(cases={name: cases[name] for name in ("KD", "by default")}, seeds=seeds))


@pytest.mark.parametrize("side_by_side", [1, 2, 7])
def test_a_settled_case_takes_no_more_seeds(side_by_side: int) -> None:
    plan = UntilClearPlan(_spec(), {})
    _run(plan, side_by_side)
    assert _names(plan)["PCKD"] == "better"
    seeds = _seeds(plan)
    assert seeds["PCKD"] == [3, 4, 5, 6]
    assert len(seeds["KD"]) > 4
    assert seeds["CE"] == seeds["KD"]
    assert plan.total == plan.done == len(plan.ended)


def test_verdicts_are_those_of_the_paired_differences() -> None:
    plan = UntilClearPlan(_spec(), {})
    _run(plan)
    for comparison, standing in plan.verdicts:
        differences = [
            _accuracy(candidate) - _accuracy(reference)
            for candidate, reference in zip(comparison.candidate, comparison.reference, strict=True)
        ]
        used = differences[: len(standing.differences)]
        assert standing.verdict == decide(used, smallest_difference=1.0, at_most=12, comparisons=2)


@pytest.mark.parametrize("trained", [0, 1, 5, 12, 14])
def test_a_study_killed_between_two_looks_goes_on_as_if_undisturbed(trained: int) -> None:
    undisturbed, killed = UntilClearPlan(_spec(), {}), UntilClearPlan(_spec(), {})
    _run(undisturbed)
    known = _run(killed, side_by_side=2, trained=trained)
    again = UntilClearPlan(_spec(), known)
    _run(again, side_by_side=2)
    assert _seeds(again) == _seeds(undisturbed)
    assert [standing for _, standing in again.verdicts] == [
        standing for _, standing in undisturbed.verdicts
    ]


def test_a_plan_waits_for_the_trials_that_decide() -> None:
    plan = UntilClearPlan(_spec(), {})
    handed_out = []
    while (trial := plan.next_trial()) is not None:
        handed_out.append(trial)
    assert len(handed_out) == 3 * 4
    assert plan.waits


def test_a_failed_seed_ends_its_comparison_and_says_so() -> None:
    plan = UntilClearPlan(_spec(), {})
    lost = lambda trial: None if (trial.case, trial.config.seed) == ("KD", 4) else _accuracy(trial)  # noqa: E731
    _run(plan, accuracy=lost)
    standing = {each.candidate[0].case: found for each, found in plan.verdicts}["KD"]
    assert (standing.reason, len(standing.differences)) == ("KD failed at seed 4", 1)
    assert not standing.is_open
    assert plan.total == plan.done


def test_verdicts_land_in_the_store_and_are_said(tmp_path: Path) -> None:
    plan = UntilClearPlan(_spec(), {})
    said: list[str] = []
    keep_verdicts("clear", plan, Storage(tmp_path), said.append)
    assert "more are needed" in said[0]
    _run(plan)
    keep_verdicts("clear", plan, Storage(tmp_path), said.append)
    rows = ResultsStore(Storage(tmp_path), "clear").read("verdicts").to_dict("records")
    verdicts = {each.candidate[0].case: found.verdict for each, found in plan.verdicts}
    assert {row["candidate"] for row in rows} == {"KD", "PCKD"}
    for row in rows:
        verdict = verdicts[row["candidate"]]
        assert (row["name"], row["seeds"]) == (verdict.name, verdict.seeds)
        assert (row["low"], row["high"]) == verdict.interval
        assert row["sentence"] in said[-1] + said[-2]
    assert any("PCKD is better than CE: +" in text for text in said[-2:])


def test_an_infinite_interval_is_no_number(tmp_path: Path) -> None:
    """At a level so small no bound is known for the first look."""
    plan = UntilClearPlan(_spec(seeds={**SEEDS, "level": 0.001}), {})
    _run(plan, trained=12)
    said: list[str] = []
    keep_verdicts("clear", plan, Storage(tmp_path), said.append)
    assert not any("inf" in sentence for sentence in said)
    rows = ResultsStore(Storage(tmp_path), "clear").rows("verdicts")
    assert {(row["low"], row["high"], row["seeds"]) for row in rows} == {(None, None, 4)}


def test_a_study_that_compares_nothing_now_has_no_verdicts_of_before(tmp_path: Path) -> None:
    storage, listed = Storage(tmp_path), _spec(seeds=[0, 1])
    keep_verdicts("clear", UntilClearPlan(_spec(), {}), storage, print)
    keep_verdicts("clear", make_plan(listed, storage, retry_failed=False), storage, print)
    assert ResultsStore(storage, "clear").rows("verdicts") == []


def test_what_is_still_to_come_is_of_open_comparisons() -> None:
    """Dry run and budget count these; spare seeds of settled cases stood in their place."""
    plan = UntilClearPlan(_spec(), {})
    known = _run(plan, trained=14)
    again = UntilClearPlan(_spec(), known)
    assert _names(again) == {"KD": "go on", "PCKD": "better"}
    assert {trial.case for trial in again.to_come} == {"KD", "CE"}
    assert again.total - again.done == len(again.to_come)


def test_a_case_that_takes_no_part_is_named() -> None:
    plan = UntilClearPlan(_spec(seeds={**SEEDS, "candidates": "KD"}), {})
    assert plan.notices() == ["PCKD is neither candidate nor reference: not trained"]


def test_pairs_are_compared_each_by_itself(tmp_path: Path) -> None:
    pairs = [{"teacher": "resnet20", "student": name} for name in ("resnet8", "resnet14")]
    plan = UntilClearPlan(_spec(pairs=pairs), {})
    said: list[str] = []
    keep_verdicts("clear", plan, Storage(tmp_path), said.append)
    assert said[0].startswith("clear: resnet20 → resnet8: KD against CE: 0 seeds so far")
    assert said[2].startswith("clear: resnet20 → resnet14: KD against CE: 0 seeds so far")
    assert [each.comparisons for each in plan.comparisons] == [4] * 4
    for each in plan.comparisons:
        models = {trial.config.student for trial in each.trials}
        assert len(models) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seeds": {**SEEDS, "until": "dawn"}}, "until: clear"),
        ({"seeds": {**SEEDS, "against": "CEE"}}, "did you mean CE"),
        ({"seeds": {**SEEDS, "candidates": ["CE"]}}, "both in candidates and in against"),
        ({"seeds": {**SEEDS, "at_least": 13}}, "at_most .12. is below at_least"),
        ({"seeds": {**SEEDS, "at_least": 1}}, "seeds: at_least"),
        ({"seeds": {**SEEDS, "smallest_difference": 0}}, "seeds: smallest_difference"),
        ({"seeds": {**SEEDS, "smallest": 1}}, "smallest is not a known key"),
        ({"seeds": {**SEEDS, "against": list(CASES)}}, "a case that is no reference"),
        ({"seeds": {**SEEDS, "level": 0.0009}}, "too small for 2 comparisons"),
        ({"cases": None}, "compare cases: the study has none"),
        ({"seeds": {**SEEDS, "against": ["CE", "CE"]}}, 'against lists "CE" twice'),
        ({"until_clear": {"at_most": 5}}, "until_clear is no key of study files"),
        (
            {"seeds": [0, 1], "until_clear": {"against": ["CE"], "smallest_difference": 1.0}},
            "write seeds: {until: clear",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: Mapping[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        _spec(**changes)


def test_the_kept_study_file_is_the_same_study() -> None:
    spec = _spec()
    assert spec.seeds == tuple(range(3, 15))
    assert validate(StudySpec, spec.model_dump(mode="json"), "kept") == spec
