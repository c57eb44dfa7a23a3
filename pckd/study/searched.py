"""The searches of a study: its own, or one of each case."""

from typing import Any, NamedTuple

from pckd.study.plan import named_pairs
from pckd.study.search_config import SearchConfig
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.study.trial import describe_point


class Searched(NamedTuple):
    """A search, and what all its configurations have in common."""

    case: str
    """Name of the case that is searched; empty of a study without cases."""
    fixed: dict[str, Any]
    """Changes of the case in the run."""
    pair: str
    """Name of the teacher-student pair; empty where the study lists none."""
    of_pair: dict[str, Any]
    """Changes of the pair in the run."""
    search: SearchConfig

    def title(self, study: str) -> str:
        """The name of Optuna's study for this search of a study."""
        return f"{study}: {self.case}" if self.case else study

    def changes(self, point: Point) -> dict[str, Any]:
        """All that a configuration changes in the run."""
        return {**self.fixed, **point, **self.of_pair}

    def without_pair(self, changes: dict[str, Any]) -> dict[str, Any]:
        """The changes of a configuration but for those of the pair."""
        return {key: value for key, value in changes.items() if key not in self.of_pair}

    def point_in(self, changes: dict[str, Any]) -> Point:
        """The searched keys among changes, whether the search allows their values or not."""
        return {key: value for key, value in changes.items() if key in self.search.parameters}

    def has_proposed(self, changes: dict[str, Any]) -> bool:
        """Return whether these are the changes of a configuration that it could propose."""
        point = self.point_in(changes)
        return self.search.allows(point) and self.changes(point) == changes

    def name(self, point: Point) -> str:
        """Name of a configuration, for people."""
        described = describe_point(point)
        return f"{self.case}: {described}" if self.case else described


def searches(spec: StudySpec) -> list[Searched]:
    """The searches of a study, in the order of its cases; none if nothing is searched."""
    if spec.search is None:
        return []
    by_case = {name: spec.search.of_case(name) for name in spec.search.spaces}
    cases = spec.cases or {}
    return [
        Searched(case, cases.get(case, {}), *named_pairs(spec, case)[0], search)
        for case, search in ((name, by_case[name]) for name in cases)
    ] or [Searched("", {}, *named_pairs(spec)[0], spec.search)]
