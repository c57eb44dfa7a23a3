"""Distillation losses: terms, the weight of each sample in them, and their sum.

Pure functions of tensors and thin modules. No files, no devices, no Ray. Names of terms come
without torch.
"""

from typing import TYPE_CHECKING

from pckd.lazy import lazily

if TYPE_CHECKING:
    from pckd.method.exchange import Exchange, SingleProcess, own_share, whole_batch
    from pckd.method.objective import Objective, ObjectiveValue, PreviewStatistics, make_step
    from pckd.method.preparation import PreparedConfig, PreparedTerm, only_prepares
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
    "PreparedConfig",
    "PreparedTerm",
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
    "only_prepares",
    "own_share",
    "register_term",
    "threshold",
    "whole_batch",
]

__getattr__ = lazily(__name__)
