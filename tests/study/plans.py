"""Trials of a study without a search, and rows of trials."""

import json
from datetime import datetime
from typing import Any

from pckd.study.plan import fixed_plan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial


def fixed_trials(spec: StudySpec) -> list[Trial]:
    """One a case, pair and seed, also where several mean the same run."""
    return [item.trial for item in fixed_plan(spec)]


def row_of(trial: Trial, status: str, updated: datetime) -> dict[str, Any]:
    """A row of the table `trials`, without accuracies."""
    return {
        "study": trial.study,
        "trial": trial.identity,
        "case": trial.case,
        "changes": json.dumps(trial.changes),
        "seed": trial.config.seed,
        "status": status,
        "started": updated,
        "updated": updated,
    }
