"""Paths of a trial's files below the results root."""

from pckd.study.trial import Trial
from pckd.training.network_path import SUFFIX


def checkpoint_path(trial: Trial) -> str:
    """The state of a trial that has not ended."""
    return f"{trial.study}/checkpoints/{trial.identity}.pt"


def network_path(trial: Trial) -> str:
    """The student that a trial trained."""
    return student_path(trial.study, trial.identity)


def student_path(study: str, identity: str) -> str:
    """The student that a trial of a study trained."""
    return f"{study}/networks/{identity}{SUFFIX}"
