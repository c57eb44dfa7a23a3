"""Confirmation of an ended study by another, on seeds that the first never saw."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from pckd.errors import InputError
from pckd.settings import validate
from pckd.study.confirm_config import WINNER, ConfirmConfig
from pckd.study.plan import Ended
from pckd.study.spec import CONFIRM, SMOKE, StudySpec
from pckd.study.trial import make_trial

SHARED = {"source", "plugins", "run", "resources", "keep"}
"""Keys that the study that confirms has in common with the one that is confirmed."""


def confirm_study(spec: StudySpec, ended: Sequence[Ended]) -> StudySpec:
    """The study that compares the candidates with their references until it is clear.

    It is a study of cases with a name of its own. Its students train on what those of the study
    trained on, and meet the test images once.

    Args:
        spec: A study with a block `confirm`.
        ended: All its trials that have ended.

    Raises:
        InputError: No configuration of the search was trained to its end under all seeds.
    """
    confirm = _block(spec)
    candidates = _best(spec, confirm, ended) if spec.search else _named_cases(spec, confirm)
    cases = {**candidates, **references(spec)}
    values = {
        **spec.model_dump(mode="json", include=SHARED),
        "study": confirm_name(spec.study),
        "cases": cases,
        "pairs": [pair.in_study_of(cases) for pair in spec.pairs],
        "probe": spec.probe.model_dump(mode="json") if spec.probe else None,
        "seeds": {
            "until": "clear",
            "candidates": list(candidates),
            "against": list(references(spec)),
            "smallest_difference": confirm.smallest_difference,
            "level": confirm.level,
            "first": max(spec.seeds) + 1,
            **confirm.seeds.model_dump(),
        },
    }
    return validate(StudySpec, values, f"study {spec.study}, confirm")


def confirm_name(study: str) -> str:
    """The name of the study that confirms another; what smoke names end with stays last."""
    name, is_smoke = study.removesuffix(SMOKE), study.endswith(SMOKE)
    return f"{name}{CONFIRM}{SMOKE if is_smoke else ''}"


def references(spec: StudySpec) -> dict[str, dict[str, Any]]:
    """Changes that each reference makes in the run, by name."""
    known = spec.named_points()
    return {
        name: known[name] if changes is None else changes
        for name, changes in _block(spec).against.items()
    }


def check_confirm(spec: StudySpec) -> None:
    """Refuse references whose run is not valid, before any work starts.

    Raises:
        InputError: One sentence.
    """
    if spec.confirm is None:
        return
    for name, changes in references(spec).items():
        for pair in spec.pair_changes(name):
            make_trial(spec, f"confirm.against {name}", {**changes, **pair}, spec.seeds[0])


def _named_cases(spec: StudySpec, confirm: ConfirmConfig) -> dict[str, dict[str, Any]]:
    known = spec.named_points()
    names = () if isinstance(confirm.candidates, int) else confirm.candidates
    return {name: known[name] for name in names}


def _best(
    spec: StudySpec, confirm: ConfirmConfig, ended: Sequence[Ended]
) -> dict[str, dict[str, Any]]:
    """The best configurations by the mean held-out accuracy over all seeds, the best first."""
    accuracies: dict[str, list[float]] = {}
    points: dict[str, dict[str, Any]] = {}
    pair = spec.pair_changes()[0]
    for trial, outcome in ended:
        key = repr(sorted(trial.changes.items()))
        points[key] = {name: each for name, each in trial.changes.items() if name not in pair}
        if outcome.status == "completed" and outcome.value is not None:
            accuracies.setdefault(key, []).append(outcome.value)
    complete = [key for key, each in accuracies.items() if len(each) == len(spec.seeds)]
    if not complete:
        raise InputError(f"study {spec.study} has no configuration that completed: none is best")
    best = sorted(complete, key=lambda key: -mean(accuracies[key]))
    names = [WINNER, *(f"{WINNER} {place}" for place in range(2, len(best) + 1))]
    count = confirm.candidates if isinstance(confirm.candidates, int) else 1
    return {name: points[key] for name, key in zip(names, best[:count], strict=False)}


def _block(spec: StudySpec) -> ConfirmConfig:
    if spec.confirm is None:
        raise InputError(
            f"study {spec.study} has no block confirm: write one, or give --set confirm.against=..."
            " and --set confirm.smallest_difference=..."
        )
    return spec.confirm
