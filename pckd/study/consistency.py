"""Checks of a study file that concern several of its keys at once."""

from itertools import product
from math import prod
from typing import TYPE_CHECKING

from pckd.study.case_searches import check_case_searches
from pckd.study.named_once import check_names, check_pairs
from pckd.training.changes import are_nested

if TYPE_CHECKING:
    from pckd.study.spec import StudySpec

LARGEST_PLAN = 100_000
"""Trials that a study may list; a grid grows beyond all years with a few keys more."""


def check_consistent(spec: "StudySpec") -> None:
    """Refuse a study whose keys contradict each other.

    Raises:
        ValueError: One sentence.
    """
    _check_plan(spec)
    _check_comparisons(spec)
    _check_changed_keys(spec)
    _check_pairs(spec)
    _check_later_stages(spec)
    _check_search(spec)


def _check_plan(spec: "StudySpec") -> None:
    """One plan, not too large, in which all names and seeds differ."""
    plans = [name for name in ("cases", "grid", "vary_one", "search") if getattr(spec, name)]
    if spec.cases and spec.search and len(plans) == 2:
        check_case_searches(spec.cases, spec.search)
    elif len(plans) > 1:
        raise ValueError(f"a study has one plan, not {' and '.join(plans)}")
    elif spec.search and spec.search.spaces:
        raise ValueError("search.spaces are those of cases, and the study lists none")
    if (trials := _largest_number_of_trials(spec)) > LARGEST_PLAN:
        raise ValueError(f"the plan has {trials:,} trials; at most {LARGEST_PLAN:,} are allowed")
    if len(set(spec.seeds)) < len(spec.seeds):
        raise ValueError(f"seeds {list(spec.seeds)} list a seed twice")
    check_names(spec.named_points())
    check_pairs(spec.pairs)


def _largest_number_of_trials(spec: "StudySpec") -> int:
    """Number of trials of cases, grid or vary_one if no two of them are the same."""
    varied = sum(map(len, (spec.vary_one or {}).values())) + 1
    crossed = prod(map(len, (spec.grid or {}).values()))
    cases = len(spec.cases or {}) or crossed * varied
    return cases * len(spec.pair_changes()) * len(spec.seeds)


def _check_comparisons(spec: "StudySpec") -> None:
    """Seeds until it is clear, and a confirmation, compare what the study has."""
    if spec.until_clear:
        if spec.seeds != spec.until_clear.seeds:
            raise ValueError(
                "until_clear is no key of study files: write seeds: {until: clear, ...}"
            )
        spec.until_clear.check(spec.cases, spec.pairs)
    if spec.confirm:
        if spec.until_clear or not (spec.search or spec.cases):
            raise ValueError("confirm is for a search, or for cases with listed seeds")
        spec.confirm.check(spec.named_points(), numbered=bool(spec.search and not spec.cases))


def _check_changed_keys(spec: "StudySpec") -> None:
    """Seed, scale and protocol are those of the whole study."""
    if "seed" in spec.run:
        raise ValueError("run.seed is not for studies: list seeds under the key seeds")
    planned = spec.planned_keys()
    if spec.search and planned & {"protocol", "seed"}:
        raise ValueError("protocol and seed cannot be searched")
    of_pairs = (each for pair in spec.pairs for each in (pair.changes, *pair.cases.values()))
    changed = planned.union(*of_pairs)
    if "scale" in changed:
        raise ValueError("scale is the same for all trials of a study: see --scale")
    if "protocol" in changed:
        raise ValueError(
            "protocol is the same for all trials of a study: write a study for each, or "
            "accuracies on held-out and on test images would stand in one table"
        )
    if "seed" in changed:
        raise ValueError("seed is not for a plan: list seeds under the key seeds")


def _check_pairs(spec: "StudySpec") -> None:
    """Pairs name cases of the study, leave none out together, and change what the plan does not."""
    for pair in spec.pairs:
        pair.check(spec.cases or {})
    for case in spec.cases or ():
        if spec.pairs and all(case in pair.without for pair in spec.pairs):
            raise ValueError(f"{case} is left out of every pair: leave it out of the cases")
    planned = spec.planned_keys()
    for pair in spec.pairs:
        for key, other in product(pair.run_changes(), planned):
            if are_nested(key, other):
                raise ValueError(f"{key} is changed both by a pair and by the plan")


def _check_later_stages(spec: "StudySpec") -> None:
    """Stages after training find the students that they look at."""
    if spec.probe and spec.keep == "none":
        raise ValueError("a probe needs the students: set keep to last or best")
    if spec.pictures and spec.keep == "none":
        raise ValueError("pictures need the students: set keep to last or best")


def _check_search(spec: "StudySpec") -> None:
    """A search has one pair, the same in all its cases, and sees no test image."""
    if spec.search is None:
        return
    if len(spec.pairs) > 1:
        raise ValueError("a search takes one teacher-student pair: write a study for each")
    if any(pair.cases or pair.without for pair in spec.pairs):
        raise ValueError("a pair of a search makes no difference between cases")
    spaces = [spec.search, *spec.search.spaces.values()]
    if any(space.start_from and space.start_from.study == spec.study for space in spaces):
        raise ValueError(f"search.from: {spec.study} is the study itself: name another")
    if spec.run.get("protocol") != "holdout":
        raise ValueError(
            "search needs run.protocol holdout: a searcher must not see the test images"
        )
