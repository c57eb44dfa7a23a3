"""The runs that a search names, by which it is checked before its first proposal."""

from collections.abc import Iterator
from dataclasses import dataclass

from pckd.errors import InputError
from pckd.study.searched import Searched
from pckd.study.space import Point
from pckd.study.spec import StudySpec
from pckd.training.config import RunConfig


def named_runs(spec: StudySpec, searched: Searched) -> Iterator[RunConfig]:
    """The run with each value that is named for a parameter, and each first point.

    Raises:
        InputError: One of them, or a seed, is no valid run; one sentence with the key and the
            value.
    """
    runs, search = _Runs(spec, searched), searched.search
    runs.check_seeds()
    yield runs.at({})
    for key, point in search.corners():
        try:
            yield runs.at(point)
        except InputError:
            runs.check_whole(key, point)
            raise
    yield from map(runs.at, filter(search.allows, search.first))


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of a search, by their points."""

    spec: StudySpec
    searched: Searched

    @property
    def source(self) -> str:
        case = self.searched.case
        return f"study {self.spec.study}, search{f' of {case}' * bool(case)}"

    def at(self, point: Point) -> RunConfig:
        return self.spec.run_config(self.searched.changes(point), self.source)

    def check_seeds(self) -> None:
        for seed in self.spec.seeds:
            self.spec.run_config({**self.searched.changes({}), "seed": seed}, self.source)

    def check_whole(self, key: str, point: Point) -> None:
        """Refuse a key of whole numbers that is searched as a float.

        Raises:
            InputError: Only a whole number in its place gives a valid run.
        """
        if self.searched.search.parameters[key].type != "float":
            return
        try:
            self.at({**point, key: int(point[key])})
        except InputError:
            return
        raise InputError(f"{self.source}: {key} takes whole numbers only: add `type: int` to it")
