"""Distributed hyperparameter studies of PCKD: which loss weights, and do they matter.

What is named here is the Python interface, described in docs/api.md; each name is imported when it
is first asked for.
"""

from typing import TYPE_CHECKING

from pckd.lazy import lazily
from pckd.version import __version__

if TYPE_CHECKING:
    from pckd.api import Study, make_study, open_study, read_study, run_study, work_on_study
    from pckd.testing import evaluate_term
    from pckd.training.student import Student, load_student

__all__ = [
    "Student",
    "Study",
    "__version__",
    "evaluate_term",
    "load_student",
    "make_study",
    "open_study",
    "read_study",
    "run_study",
    "work_on_study",
]

__getattr__ = lazily(__name__)
