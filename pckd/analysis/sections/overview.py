"""Overview of a study: its runs and their progress."""

import pandas as pd

from pckd.analysis.describing import (
    classes_words,
    data_words,
    differences_from_paper,
    epochs_words,
    is_unfinished,
    progress_words,
    seeds_words,
    unique,
)
from pckd.analysis.loading import StudyResults
from pckd.analysis.parts import Paragraph, Part, Section, Table
from pckd.analysis.words import listing, numbers_range, plain
from pckd.study.mixed_teachers import mixed_teachers
from pckd.words import HASH_DIGITS, duration, noticed, plural

KINDS = {
    "cases": "named cases",
    "grid": "a grid of values",
    "vary_one": "one key varied at a time",
    "search": "a search by Optuna",
    "single": "one run",
}
PROTOCOLS = {
    "holdout": "holdout: selected on held-out training images, tested once",
    "paper": "paper: trained on all training images, evaluated on the test images every epoch",
}
REASONS_SHOWN = 10


def overview(study: StudyResults) -> Section:
    """The facts of a study; of one without trials, a sentence."""
    warnings: list[Part] = [Paragraph(text, is_warning=True) for text in _warnings(study)]
    if study.trials.empty:
        return Section("What was run", warnings)
    facts = pd.DataFrame(_facts(study).items(), columns=["fact", "value"])
    caption = "The study, from the rows of its trials."
    table = Table("facts", caption, facts, facts.rename(columns={"fact": "", "value": " "}))
    return Section("What was run", [*warnings, table])


def _facts(study: StudyResults) -> dict[str, str]:
    trials = study.trials
    teachers = trials["teacher_test_top1"].dropna()
    facts = {
        "source": str(study.spec.get("source", "")),
        "plan": KINDS[study.kind],
        "teacher \N{RIGHTWARDS ARROW} student": "; ".join(_models(study)),
        "teacher, test top-1": f"{numbers_range(teachers, 2)}%" if len(teachers) else "",
        "data": data_words(study),
        "fingerprint": _joined(trials["data_fingerprint"].dropna().astype(str).str[:HASH_DIGITS]),
        "classes": _classes(study),
        "budget": epochs_words(study),
        "seeds": seeds_words(study).split(" ", 1)[1],
        "power": "; ".join(study.power),
        "protocol": "; ".join(
            PROTOCOLS.get(plain(item), plain(item)) for item in unique(study, "protocol")
        ),
        "trials": progress_words(study),
        "training time": duration(_seconds(trials)) + " in all",
        "machine": _joined(trials["device"] + " on " + trials["host"]),
        "workers, threads": _joined(
            trials["workers"].astype(str)
            + " \N{MULTIPLICATION SIGN} "
            + trials["threads"].astype(str)
        ),
        "versions": _versions(trials),
        "last change": f"{trials['updated'].max():%Y-%m-%d %H:%M} UTC",
        "notices": "; ".join(noticed(trials["notices"].dropna())),
    }
    return {name: value for name, value in facts.items() if value}


def _seconds(trials: pd.DataFrame) -> float:
    """Seconds of all trainings, each counted once."""
    return float(trials.drop_duplicates("trial")["seconds"].sum())


def _models(study: StudyResults) -> list[str]:
    teachers = study.trials["teacher_model"].fillna("no teacher")
    names = teachers + " \N{RIGHTWARDS ARROW} " + study.trials["student_model"]
    return list(dict.fromkeys(names))


def _classes(study: StudyResults) -> str:
    """The classes that are kept, where the line on the data only counts them."""
    kept = [item for item in unique(study, "data.classes") if isinstance(item, list)]
    return "; ".join(plain(item) for item in kept if classes_words(item)[0].isdigit())


def _joined(values: "pd.Series[str]") -> str:
    return listing([str(value) for value in values.dropna().unique()])


def _versions(trials: pd.DataFrame) -> str:
    parts = [f"{name} {_joined(trials[name])}" for name in ("pckd", "torch", "python")]
    return ", ".join([*parts, f"code {_joined(trials['code_version'])}"])


def _warnings(study: StudyResults) -> list[str]:
    trials = study.trials
    found = []
    if study.scale == "smoke":
        found.append(
            "Smoke scale: a small run that shows that all works. Its numbers say nothing of the "
            "method and cannot be set against the paper's."
        )
    if trials.empty:
        found.append("This study has no trials yet: there is nothing to show.")
    elif is_unfinished(study):
        found.append(
            f"This study is not complete: {progress_words(study)}. Numbers below may change."
        )
    if study.spec and study.planned_trials is None:
        found.append("The plan of this study is not known: every row is shown as it is.")
    if study.mixed_codes > 1:
        found.append(
            f"Trials of {study.mixed_codes} code versions are mixed: differences between them may "
            "stem from the code. Run the study again to replace the older ones."
        )
    found += mixed_teachers(trials.to_dict("records"))
    if study.unplanned_rows:
        rows = plural(study.unplanned_rows, "trial")
        found.append(f"{rows} of earlier plans, code or images are left out.")
    if not trials.empty and study.source and (differences := differences_from_paper(study)):
        found.append(f"Not the scale of the paper's {study.source}: {'; '.join(differences)}.")
    return [*found, *_failures(trials)]


def _failures(trials: pd.DataFrame) -> list[str]:
    failed = trials[trials["status"] == "failed"]
    lines = [
        f"Failed: {row['case']}, seed {row['seed']}: {plain(row['reason'])}"
        for row in failed.head(REASONS_SHOWN).to_dict("records")
    ]
    rest = len(failed) - len(lines)
    return [*lines, f"... and {plural(rest, 'further failed trial')}."] if rest > 0 else lines
