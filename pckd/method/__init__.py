"""Distillation losses: terms, the weight of each sample in them, and their sum.

Pure functions of tensors and thin modules. No files, no devices, no Ray.
"""

from pckd.method.exchange import Exchange, SingleProcess, own_share, whole_batch
from pckd.method.objective import Objective, ObjectiveValue, PreviewStatistics, make_step
from pckd.method.registry import find_term, list_terms, register_term
from pckd.method.term import (
    Needs,
    NetworkShape,
    Off,
    Refused,
    Side,
    Step,
    Task,
    Term,
    TermConfig,
)
from pckd.method.weighting import STRATEGIES, Difficulty, threshold

__all__ = [
    "STRATEGIES",
    "Difficulty",
    "Exchange",
    "Needs",
    "NetworkShape",
    "Objective",
    "ObjectiveValue",
    "Off",
    "PreviewStatistics",
    "Refused",
    "Side",
    "SingleProcess",
    "Step",
    "Task",
    "Term",
    "TermConfig",
    "find_term",
    "list_terms",
    "make_step",
    "own_share",
    "register_term",
    "threshold",
    "whole_batch",
]
