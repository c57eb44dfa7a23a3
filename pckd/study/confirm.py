"""Confirmation of an ended study by another, on seeds that the first never saw."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from pckd.errors import InputError
from pckd.settings import validate
from pckd.study.comparisons import comparisons_of
from pckd.study.confirm_config import WINNER, ConfirmConfig
from pckd.study.names import confirm_name
from pckd.study.plan import Ended, Plan
from pckd.study.ranking import Ran, best_first
from pckd.study.spec import StudySpec
from pckd.study.trial import make_trial

Points = dict[str, dict[str, Any]]
"""Changes in the run, by the name of the case."""

SHARED = {"source", "plugins", "run", "resources", "keep"}
"""Keys that the study that confirms has in common with the one that is confirmed."""


def confirm_study(spec: StudySpec, ended: Sequence[Ended]) -> StudySpec | None:
    """The study that compares the candidates with their references until it is clear.

    None if the winner is its only reference, or comes to the same run.

    It is a study of cases with a name of its own. Its students train on what those of the study
    trained on, and meet the test images once.

    Args:
        spec: A study with a block `confirm`.
        ended: All its trials that have ended.

    Raises:
        InputError: No configuration of the search was trained to its end under all seeds.
    """
    confirm = _block(spec)
    known = {**spec.named_points(), **_winners(spec, confirm, ended)}
    candidates = _candidates(spec, confirm, known, ended)
    against = _references(confirm, known)
    if _are_one(candidates, against):
        return None
    confirming = _comparing(spec, confirm, candidates, against)
    return confirming if comparisons_of(confirming) else None


def _references(confirm: ConfirmConfig, known: Points) -> Points:
    return {
        name: known[name] if changes is None else changes
        for name, changes in confirm.against.items()
    }


def _are_one(candidates: Points, against: Points) -> bool:
    return all(each == other for each, other in product(candidates.values(), against.values()))


def _comparing(
    spec: StudySpec, confirm: ConfirmConfig, candidates: Points, against: Points
) -> StudySpec:
    """The study of these cases.

    Raises:
        InputError: Some pair is without one of them, or so many comparisons cannot share the level.
    """
    cases = {**candidates, **against}
    values = {
        **spec.model_dump(mode="json", include=SHARED),
        "study": confirm_name(spec.study),
        "cases": cases,
        "pairs": [pair.in_study_of(cases) for pair in spec.pairs],
        "probe": spec.probe.model_dump(mode="json") if spec.probe else None,
        "seeds": {
            "until": "clear",
            "candidates": list(candidates),
            "against": list(against),
            "smallest_difference": confirm.smallest_difference,
            "level": confirm.level,
            "first": max(spec.seeds) + 1,
            **confirm.seeds.model_dump(),
        },
    }
    return validate(StudySpec, values, f"study {spec.study}, confirm")


def confirmation_of(spec: StudySpec, plan: Plan) -> StudySpec | None:
    """The study that confirms another; None before its plan has ended, or without comparisons.

    Raises:
        InputError: As `confirm_study`.
    """
    is_due = spec.confirm is not None and plan.done == plan.total
    return confirm_study(spec, plan.ended) if is_due else None


def check_confirm(spec: StudySpec) -> None:
    """Refuse references and comparisons that are not valid before any work starts.

    Raises:
        InputError: One sentence.
    """
    if spec.confirm is None:
        return
    known = spec.named_points()
    for name, given in spec.confirm.against.items():
        changes = known[name] if given is None else given
        for pair in spec.pair_changes(name):
            make_trial(spec, f"confirm.against {name}", {**changes, **pair}, spec.seeds[0])
    known |= _to_be_found(spec)
    names = spec.confirm.named_candidates or _numbered(spec.confirm)
    candidates = {name: known[name] for name in names}
    against = _references(spec.confirm, known)
    if not _are_one(candidates, against):
        _comparing(spec, spec.confirm, candidates, against)


def _to_be_found(spec: StudySpec) -> Points:
    """Stand-ins for the best of each search, by name: its first key has a value like no other."""
    if spec.search is None or spec.confirm is None:
        return {}
    spaces = spec.search.spaces or dict.fromkeys(_numbered(spec.confirm), spec.search)
    cases = spec.cases or {}
    return {
        name: {**cases.get(name, {}), next(iter(space.parameters)): f"the best, {name}"}
        for name, space in spaces.items()
    }


def _numbered(confirm: ConfirmConfig) -> list[str]:
    """The names of the best of one search."""
    return [WINNER, *(f"{WINNER} {place}" for place in range(2, confirm.number + 1))]


def _winners(
    spec: StudySpec, confirm: ConfirmConfig, ended: Sequence[Ended]
) -> dict[str, dict[str, Any]]:
    """The best configuration of each case that is searched and compared, by the case's name."""
    named = [*confirm.against, *confirm.named_candidates]
    return {
        case: _best(spec, [each for each in ended if each[0].space == case])[0]
        for case in (spec.search.spaces if spec.search else ())
        if case in named and confirm.against.get(case) is None
    }


def _candidates(
    spec: StudySpec,
    confirm: ConfirmConfig,
    known: Mapping[str, dict[str, Any]],
    ended: Sequence[Ended],
) -> dict[str, dict[str, Any]]:
    if confirm.named_candidates:
        return {name: known[name] for name in confirm.named_candidates}
    return dict(zip(_numbered(confirm), _best(spec, ended), strict=False))


def _best(spec: StudySpec, ended: Sequence[Ended]) -> list[dict[str, Any]]:
    """The completed configurations, the best first."""
    trials: dict[str, list[Ran]] = {}
    points: dict[str, dict[str, Any]] = {}
    pair = spec.pair_changes()[0]
    for trial, outcome in ended:
        name = json.dumps(trial.changes, sort_keys=True)
        points[name] = {key: each for key, each in trial.changes.items() if key not in pair}
        epochs = trial.config.optimization.epochs
        trials.setdefault(name, []).append(Ran(outcome.status, outcome.value, epochs))
    best = best_first(trials, len(spec.seeds))
    if not best:
        who = next((f", case {trial.space}," for trial, _ in ended if trial.space), "")
        raise InputError(
            f"study {spec.study}{who} has no configuration that completed: none is best"
        )
    return [points[name] for name in best]


def _block(spec: StudySpec) -> ConfirmConfig:
    if spec.confirm is None:
        raise InputError(
            f"study {spec.study} has no block confirm: write one, or give --set confirm.against=..."
            " and --set confirm.smallest_difference=..."
        )
    return spec.confirm
