"""The sections of a study's report, each a function that returns None where it does not apply."""

from collections.abc import Callable

from pckd.analysis.loading import StudyResults
from pckd.analysis.parts import Section
from pckd.analysis.sections.answer import answer
from pckd.analysis.sections.centers import centers
from pckd.analysis.sections.comparison import comparison
from pckd.analysis.sections.components import components
from pckd.analysis.sections.examples import examples
from pckd.analysis.sections.features import features
from pckd.analysis.sections.importance import importance
from pckd.analysis.sections.overview import overview
from pckd.analysis.sections.search import search
from pckd.analysis.sections.sensitivity import sensitivity
from pckd.analysis.sections.training import training
from pckd.analysis.sections.transfer import transfer
from pckd.analysis.sections.weights import weights

SECTIONS: tuple[Callable[[StudyResults], Section | None], ...] = (
    answer,
    overview,
    comparison,
    components,
    sensitivity,
    search,
    importance,
    training,
    weights,
    transfer,
    centers,
    examples,
    features,
)
"""In the order of the report."""

OF_A_SEARCH = (search, importance)
"""Sections of each searched case."""

__all__ = ["OF_A_SEARCH", "SECTIONS"]
