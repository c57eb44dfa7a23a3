"""The tables of `pckd study status` and `pckd study list`."""

from collections import Counter

from pckd.cli.columns import as_started, fitting, picked
from pckd.cli.output import line_width, print_rows, print_text
from pckd.study.names import DONE, RESERVED
from pckd.words import plural


def show_status(results: str, study: str, *, as_json: bool) -> None:
    """Print how far the trials of a study are.

    Args:
        results: The results root.
        study: Name of the study.
        as_json: Whether to print JSON, and nothing beside it.
    """
    from pckd.storage import Storage
    from pckd.study.mixed_teachers import mixed_teachers
    from pckd.study.planned_rows import planned_rows
    from pckd.study.results import open_study

    rows, left_out = planned_rows(open_study(Storage(results), study))
    trials = as_started(rows)
    for row in trials:
        row["epochs"] = f"{row['epochs_done']}/{row['epochs_planned']}"
    columns = ["case", "status", "epochs", "last_top1", "test_top1", "trial", "seed"]
    if as_json:
        print_rows(picked(trials, [*columns, "reason"]), as_json=True)
        return
    names = fitting(trials, columns, line_width())
    print_rows(picked(trials, names), as_json=False)
    if more := len(columns) - len(names):
        print(f"{plural(more, 'more column')}: --json")
    states = Counter(row["status"] for row in trials)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    print(f"{plural(len(trials), 'trial')}: {counts}")
    reasons = Counter((row["status"], row["reason"]) for row in trials if row["reason"])
    for (state, reason), count in reasons.most_common():
        print_text(f"{count} {state}: {reason}")
    for sentence in mixed_teachers(trials):
        print_text(sentence)
    if left_out:
        print(f"trials of earlier plans, code or images, left out: {left_out}")


def available_rows() -> list[dict[str, object]]:
    """The study files that can be run by name."""
    from pckd.study.finding import OWN, available_studies, describe_study

    return [
        {
            "study": name,
            "place": "./studies" if path.parent == OWN else "installed",
            "about": describe_study(path),
        }
        for name, path in available_studies().items()
    ]


def kept_rows(results: str) -> list[dict[str, object]]:
    """The studies below a results root: trials done, running and failed, and the best."""
    from pckd.storage import Storage
    from pckd.study.planned_rows import planned_rows
    from pckd.study.results import ResultsStore, kept_studies

    rows, storage = [], Storage(results)
    for name in kept_studies(storage):
        if name in RESERVED:
            continue
        planned, _ = planned_rows(ResultsStore(storage, name))
        states = Counter(row["status"] for row in planned)
        counts = {status: states[status] for status in ("running", "failed")}
        completed = [row["last_top1"] for row in planned if row["status"] == "completed"]
        best = max((top1 for top1 in completed if top1 is not None), default=None)
        done = sum(states[status] for status in DONE)
        rows.append({"study": name, "done": done, **counts, "best_last_top1": best})
    return rows
