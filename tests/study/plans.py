"""Trials of a study without a search."""

from pckd.study.plan import fixed_plan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial


def fixed_trials(spec: StudySpec) -> list[Trial]:
    """One a case, pair and seed, also where several mean the same run."""
    return [item.trial for item in fixed_plan(spec)]
