"""Verification of the table `verdicts`: decided again from the stored trials."""

from math import isclose
from typing import Any

from pckd.storage import Storage
from pckd.study.comparisons import Standing, numbers_of
from pckd.study.table_store import store_of
from pckd.study.verdicts import decide

DESIGN = ("smallest_difference", "level", "comparisons", "at_least", "at_most")
"""Columns of a verdict that say how it was decided."""

Row = dict[str, Any]


def check_verdicts(study: str, storage: Storage) -> tuple[int, list[str]]:
    """Decide again what a study, or the one that confirms it, says.

    Args:
        study: Its name.
        storage: The results root.

    Returns:
        The number of its verdicts, and a sentence on each that does not follow from the stored
        trials.

    Raises:
        InputError: There is no such study.
    """
    store = store_of(storage, study, "verdicts")
    tests = {row["trial"]: row["test_top1"] for row in store.rows("trials")}
    plan, verdicts = store.rows("plan"), store.rows("verdicts")
    return len(verdicts), [
        f"verdict on {row['candidate']} against {row['reference']}: {wrong}"
        for row in verdicts
        if (wrong := _wrong(row, _differences(row, plan, tests)))
    ]


def _differences(row: Row, plan: list[Row], tests: dict[str, float | None]) -> list[float]:
    """The differences that a verdict rests on, from the trials; up to the first that is missing."""
    found: list[float] = []
    for seed in range(row["first_seed"], row["first_seed"] + len(row["differences"])):
        of_seed = [each for each in plan if each["seed"] == seed and _is_of_pair(each, row)]
        by_case = {each["case"]: tests.get(each["trial"]) for each in of_seed}
        candidate, reference = by_case.get(row["candidate"]), by_case.get(row["reference"])
        if candidate is None or reference is None:
            break
        found.append(candidate - reference)
    return found


def _is_of_pair(place: Row, row: Row) -> bool:
    """Return whether a place of the plan is in the pair of a verdict; older rows name models."""
    names = ("pair",) if row["pair"] else ("teacher_model", "student_model")
    return all(place[name] == row[name] for name in names)


def _wrong(row: Row, differences: list[float]) -> str:
    """The first number of a verdict that is another by these differences; empty if none is."""
    try:
        verdict = decide(differences, **{name: row[name] for name in DESIGN})
    except ValueError as error:
        return f"it cannot be decided again: {error}"
    again = numbers_of(Standing(verdict, tuple(differences), row["reason"] or ""))
    for name, value in again.items():
        if not _is_same(row[name], value):
            return f"{name} is stored as {row[name]}, and by the stored trials it is {value}"
    return ""


def _is_same(stored: Any, again: Any) -> bool:  # noqa: ANN401
    """Return whether two values are equal, numbers as far as machines round alike."""
    if isinstance(stored, list):
        return len(stored) == len(again) and all(map(_is_same, stored, again))
    if isinstance(stored, float) and isinstance(again, float):
        return isclose(stored, again, rel_tol=1e-9, abs_tol=1e-12)
    return bool(stored == again)
