"""What PCKD computes: pure functions of tensors and thin modules. No files, no devices, no Ray."""

from pckd.method.heads import (
    AlignmentHead,
    Encoded,
    Exchange,
    PaperContrast,
    ReleaseContrast,
    SingleProcess,
)
from pckd.method.objective import TERMS, WEIGHTABLE, Objective, PCKDObjective, PreviewStatistics
from pckd.method.preview import STRATEGIES, Difficulty, threshold

__all__ = [
    "STRATEGIES",
    "TERMS",
    "WEIGHTABLE",
    "AlignmentHead",
    "Difficulty",
    "Encoded",
    "Exchange",
    "Objective",
    "PCKDObjective",
    "PaperContrast",
    "PreviewStatistics",
    "ReleaseContrast",
    "SingleProcess",
    "threshold",
]
